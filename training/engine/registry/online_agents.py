"""Two agents that better answers together; one learns, the other is frozen."""

from dataclasses import replace

from training.engine.registry.online_groups import GRPO_ROW, method
from training.engine.registry.types import MadeBy, Preset

PAPER = (
    "The Alignment Waltz: Jointly Training Agents to Collaborate for Safety (WaltzRL)"
)
_APART = (
    "the agents learn in turns, run by run, not in one; the wording between them is "
    "ours; labels of safety and of over-refusal that the published agent gives, and is "
    "rewarded for, are left out"
)

PRESETS: tuple[Preset, ...] = (
    method(
        "waltz",
        "Feedback agents, rewarded by what they improve (WaltzRL)",
        "A frozen conversation agent answers, the policy says what to better, and the "
        "agent answers again: feedback earns what the second answer is worth over the "
        "first. Feedback that calls the answer fine leaves it alone. What is left is a "
        "feedback agent; waltz-conversation trains the other one beside it.",
        row=replace(GRPO_ROW, prompts="feedback"),
        models=("conversation",),
        defaults={"kl_coef": 0.04, "max_prompt_tokens": 2048},
        paper=PAPER,
        equation="GRPO on R(f) = R(x, y') - R(x, y); y' the agent's answer after "
        "feedback f on y, y' = y if f calls y fine",
        identities=(
            "feedback that does not change the answer earns exactly 0",
            "feedback that calls the answer fine asks for no other",
        ),
        status="abstract",
        verified="the abstract: the reward is the improvement, feedback is adaptive",
        unverified=_APART,
        neighbour="grpo",
        tests=(
            "test_feedback_earns_what_it_improves",
            "test_feedback_that_changes_nothing_earns_nothing",
        ),
    ),
    method(
        "waltz-conversation",
        "Conversation agents that take feedback (WaltzRL)",
        "The policy answers, a frozen feedback agent (waltz) says what to better where "
        "it finds something, and the policy answers again: both answers earn what the "
        "last one is worth.",
        row=replace(GRPO_ROW, prompts="conversation"),
        models=("feedback",),
        made_by=(MadeBy(("feedback",), ("waltz",)),),
        defaults={"kl_coef": 0.04, "max_prompt_tokens": 2048},
        paper=PAPER,
        equation="GRPO on R(x, y') for y and y'; y' = y where the agent calls y fine",
        identities=(
            "an agent that calls everything fine: GRPO",
            "both answers of an exchange earn the last one's reward",
        ),
        status="abstract",
        verified="the abstract: the answer after feedback counts",
        unverified=f"{_APART}; exchanges with two answers count twice in a group's "
        "mean",
        neighbour="waltz",
        tests=(
            "test_answers_of_an_exchange_earn_what_it_ends_in",
            "test_agent_that_finds_everything_fine_is_grpo",
        ),
    ),
)
