"""Methods with a second agent, which is frozen: a critic, a writer, or a user."""

from dataclasses import replace

from training.engine.registry import online_params as settings
from training.engine.registry.online_critic import variant
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
    variant(
        "profile-rl",
        "Learning to build profiles of users (RLPA)",
        "Talks over several turns with a person that a frozen model plays. Every reply "
        "begins with what the policy takes the person's profile to be: its slots earn "
        "by how well they are the person's, its answer what reward models say of it.",
        row={"prompts": "profiled"},
        own=(settings.count("turns", 3, "Replies of a conversation.", 1, 16),),
        defaults={"max_prompt_tokens": 2048},
        models=("user",),
        columns=("context",),
        paper="Zhao et al. 2025, Teaching Language Models to Evolve with Users: "
        "Dynamic Profile Modeling for Personalized Alignment (RLPA)",
        equation="R_t = F1(slots said at turn t, slots of the person) + R(x_t, answer)",
        identities=(
            "what a policy that listens says of its person rises with the turns",
            "a later word on a slot replaces the earlier one",
            "a profile without a slot of the person earns 0, the person's own 1",
        ),
        status="abstract",
        verified="the abstract: a simulated user, a profile and a response reward at "
        "every turn",
        unverified="F1 over slots whose values have the same words; each reply earns "
        "its own turn alone, with no discount from later ones; the wording, and the "
        "response reward, which is any reward model and does not read the profile",
        neighbour="ufo",
        tests=(
            "test_profile_of_a_policy_that_listens_grows_with_the_turns",
            "test_later_word_on_a_slot_replaces_the_earlier",
            "test_profile_earns_its_f1",
        ),
    ),
)
