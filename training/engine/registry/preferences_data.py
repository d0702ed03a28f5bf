"""Methods that rewrite or relabel pairs before an ordinary loss."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, flips, method, real
from training.engine.registry.types import Param, Preset

SPA = method(
    "spa",
    "Self-labelled pairs (SPA, Selfie)",
    summary="The previous iterate's implied reward labels new pairs; the least "
    "confident are smoothed.",
    equation="L = -[p*log sig(beta*h) + (1-p)*log sig(-beta*h)], "
    "p = sig(beta*(s_prev(y1) - s_prev(y2)))",
    settings=Objective(label="self"),
    one_of=["reference", "previous"],
    own=[
        beta(),
        real("doubtful_share", 0.1, "Share of a batch that is smoothed.", high=1.0),
        flips(0.1, "How much their label is smoothed."),
    ],
    paper="Aligning Large Language Models with Self-generated Preference Data",
    status="memory",
    verified="",
    identities=["a perfect implied reward gives the true labels"],
    tests=["test_self_labels_are_the_implied_rewards"],
    neighbour="soft-dpo",
)
REWARD_AUGMENTED = method(
    "reward-augmented",
    "DPO on reward-augmented data",
    summary="Each pair becomes two: with the chosen score as the stated goal the "
    "chosen wins, with the rejected score the rejected does.",
    equation="DPO on {(x, goal gw: yw > yl), (x, goal gl: yl > yw)}",
    settings=Objective(map="goals"),
    own=[beta()],
    paper="Reward-Augmented Data Enhances Direct Preference Alignment of LLMs",
    columns=["chosen_value", "rejected_value"],
    status="code",
    verified="the authors' code, its variant with system prompts",
    identities=["rows double, and sides swap with the goal"],
    tests=["test_goals_double_the_rows_and_swap_the_sides"],
    neighbour="dpo",
    alias_of="dpo",
    upstream="any pair loss, after a data map",
)
FSPO = method(
    "fspo",
    "Few-shot preference optimisation (FSPO)",
    summary="A few labelled pairs of the same annotator go before the prompt: a "
    "personal reward learned in context.",
    equation="DPO with x' = k labelled pairs of the annotator, then x",
    settings=Objective(map="shots"),
    own=[
        beta(),
        Param(
            "shots",
            "int",
            4,
            "Pairs of the annotator before each prompt; 0 is DPO.",
            minimum=0,
            maximum=64,
        ),
    ],
    paper="FSPO: Few-Shot Preference Optimization of Synthetic Preference Data in "
    "LLMs Elicits Effective Personalization to Real Users",
    columns=["annotator"],
    status="memory",
    verified="",
    identities=["k = 0 is DPO", "shots are of the same annotator and never the row"],
    tests=["test_shots_are_the_annotators_own"],
    neighbour="dpo",
    alias_of="dpo",
    upstream="any pair loss, after a data map",
)
DOVE = method(
    "dove",
    "Joint preference optimisation (DOVE)",
    summary="Compares whole conversations, whose instructions may differ: prompt "
    "tokens count too.",
    equation="L = -log sig(beta*(sJ(Iw,yw) - sJ(Il,yl))), "
    "sJ over prompt and completion",
    settings=Objective(tokens="prompt"),
    own=[beta()],
    paper="Comparing Bad Apples to Good Oranges: Aligning Large Language Models via "
    "Joint Preference Optimization",
    columns=["rejected_prompt"],
    status="code",
    verified="the authors' code",
    identities=["equal instructions cancel: it is DPO, to the gradient"],
    tests=["test_dove_of_equal_instructions_is_dpo"],
    neighbour="dpo",
    alias_of="dpo",
    upstream="TRL has one prompt a pair",
)
MAPL = method(
    "mapl",
    "Multi-level aware preference learning (MAPL)",
    summary="One completion under two prompts: it must fit the prompt whose "
    "constraints it meets better.",
    equation="L = -log sig(beta*(s(y|x+) - s(y|x-)))",
    settings=Objective(map="contrast_prompts"),
    own=[beta()],
    paper="Multi-Level Aware Preference Learning: Enhancing RLHF for Complex "
    "Multi-Instruction Tasks",
    columns=["rejected_prompt"],
    status="memory",
    verified="",
    identities=["swapping the prompts flips the sign of z"],
    tests=["test_contrasted_prompts_flip_the_sign"],
    neighbour="dove",
    alias_of="dpo",
)
STEP_DPO = method(
    "step-dpo",
    "Step-level DPO on search trees (MCTS-DPO)",
    summary="Best against worst sibling at every depth: only tokens from where the "
    "two diverge count.",
    equation="L = -log sig(beta*h_suffix); a common prefix cancels: DPO's loss",
    settings=Objective(tokens="suffix"),
    own=[beta()],
    paper="Monte Carlo Tree Search Boosts Reasoning via Iterative Preference Learning",
    status="code",
    verified="the authors' code",
    unverified="label smoothing by visit counts, which is left out",
    identities=["h over the suffix is h over the whole completion"],
    tests=["test_common_prefix_cancels"],
    neighbour="dpo",
    alias_of="dpo",
    upstream="trl.DPOTrainer, once steps are written as completions",
)
STEP_IPO = method(
    "step-ipo",
    "Step-level IPO on search trees",
    summary="The same pairs of siblings with IPO's squared loss.",
    equation="L = (h_suffix - 1/(2*beta))^2",
    settings=Objective(link="squared", tokens="suffix"),
    own=[beta()],
    paper="Monte Carlo Tree Search Boosts Reasoning via Iterative Preference Learning",
    status="code",
    verified="the authors' code",
    identities=["h over the suffix is h over the whole completion"],
    tests=["test_common_prefix_cancels"],
    neighbour="ipo",
    alias_of="ipo",
)

SEQ2SEQ = method(
    "seq2seq-reward",
    "Writing answers again as they would be preferred (seq2seq reward model)",
    summary="Learns by likelihood to write any answer again as the preferred one: "
    "chosen completions as they are, rejected ones as the chosen, and either as it "
    "was edited, where somebody did. What it leaves is such a mapping, which rewards "
    "tokens in ppo-seq2seq; no policy. Its loss is that of sft, on these rows.",
    equation="L = -log p(yw | x, yw)/n(yw), and -log p(yw | x, yl)/n(yw)",
    settings=Objective(link="nll", mix="none", norm="mean", map="rewrites"),
    columns=["chosen_edited?", "rejected_edited?"],
    paper="Zhou et al. 2024, Sequence to Sequence Reward Modeling: Improving RLHF by "
    "Language Feedback",
    status="abstract",
    verified="the abstract and a figure's caption: correction and identity mapping by "
    "likelihood of sequences",
    unverified="how prompt and answer are put together, which is ours; edits as "
    "further targets are ours",
    identities=[
        "a pair is two rows; an edited side is one more",
        "trained, it copies what was chosen and corrects what was rejected",
    ],
    tests=[
        "test_pairs_become_identity_and_correction",
        "test_mapping_copies_what_was_chosen",
    ],
    neighbour="sft",
    upstream="trl.SFTTrainer, after a data map",
)

PRESETS: tuple[Preset, ...] = (
    *(SPA, REWARD_AUGMENTED, FSPO, DOVE, MAPL, STEP_DPO, STEP_IPO, SEQ2SEQ),
)
