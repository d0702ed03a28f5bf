"""Reward models with other heads: attributes, gates, groups, people, verdicts."""

from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.rewards_common import (
    SOFT,
    flag,
    real,
    reward_method,
    whole,
    words,
)
from training.engine.registry.types import Param, Preset

MICRO_PAPER = (
    "Shen et al. 2025, MiCRo: Mixture Modeling and Context-aware Routing for "
    "Personalized Preference Learning"
)
PAL_PAPER = "Chen et al. 2024, PAL: Pluralistic Alignment Framework"

HELPSTEER2 = reward_method(
    "reward-helpsteer2",
    "Attribute regression (HelpSteer2)",
    summary="Predicts every rated attribute of a completion; the value is their "
    "weighted sum. Attributes that nobody rated do not count.",
    equation="L = mean over rated k of (w_k.h(x,y) - v_k)^2; r = sum_k a_k*r_k",
    settings=RewardRow(
        data="vectors", loss="squared", aggregation="weighted", blind_to=("user",)
    ),
    own=[
        words("attributes", "", "Attributes in order, with commas; empty: all rated."),
        words("attribute_weights", "", "A weight for each attribute; empty: equal."),
    ],
    paper="Wang et al. 2024, HelpSteer2: Open-source dataset for training "
    "top-performing reward models",
    status="text",
    verified="the paper",
    unverified="the minus sign of the published weight on verbosity",
    identities=["linear utilities are recovered", "unlike pairs it fixes the level"],
    tests=["test_regression_recovers_attributes", "test_squared_error_fixes_the_level"],
)
ARMORM = reward_method(
    "reward-armorm",
    "Gated attributes (ArmoRM, stage 2)",
    goes_on_from="reward-helpsteer2",
    summary="Learns from pairs how much each attribute of a trained attribute model "
    "counts, by prompt. Start it from a model of reward-helpsteer2.",
    equation="r = g(x).(R - lam*R_last), g = softmax_k(MLP(h_prompt)/10), "
    "L = -log sig(r_w - r_l), g alone is trained",
    settings=RewardRow(head="gate", aggregation="weighted"),
    own=[
        whole("gate_width", 1024, "Width of the gate's layers.", high=65536),
        whole("gate_layers", 3, "Hidden layers of the gate.", high=16),
        real("gate_dropout", 0.2, "Dropout in the gate.", high=0.9),
        flag("debias", False, "Take the last attribute (verbosity) off the others."),
        real("debias_threshold", 0.03, "Rank correlation that debiasing allows."),
        SOFT,
    ],
    paper="Wang et al. 2024, Interpretable Preferences via Multi-Objective Reward "
    "Modeling and Mixture-of-Experts (ArmoRM)",
    status="code",
    verified="the authors' code, with two errors of its training script mended: the "
    "softmax is over attributes, and debiasing is used in training as in scoring",
    identities=["weights sum to 1", "r is the dot product of its parts"],
    tests=[
        "test_gate_finds_what_each_prompt_is_judged_by",
        "test_wrong_axis_is_one_half",
    ],
    neighbour="reward-micro",
    rate=1e-3,
)
GPM = reward_method(
    "reward-gpm",
    "General preference model (GPM)",
    summary="Embeds completions so that a skew product says who wins; cycles can be "
    "learned. Its value is the mean log-odds among completions scored together.",
    equation="S = sum_i (v1_2i-1*v2_2i - v1_2i*v2_2i-1), L = -log sig(S/t)",
    settings=RewardRow(head="skew", loss="skew", blind_to=("user",)),
    own=[
        whole("blocks", 3, "Pairs of dimensions, m; one suffices for one cycle."),
        flag("gated", False, "Weigh the blocks by the prompt."),
        real("temperature", 0.1, "Temperature t of the preference score.", low=1e-3),
        SOFT,
    ],
    paper="Zhang et al. 2024, Beyond Bradley-Terry Models: A General Preference Model "
    "for Language Model Alignment",
    status="code",
    verified="the authors' code; the antisymmetry was derived",
    identities=["S(a,b) = -S(b,a)", "a cycle of three is learned, by scores never"],
    tests=["test_skew_product_learns_a_cycle"],
)
MICRO = reward_method(
    "reward-micro",
    "Mixture of hidden groups (MiCRo, stage 1)",
    summary="Several heads for groups that nobody named, weighed by the prompt.",
    equation="L = -log sum_k f_k(x)*sig(D_k) + c*sum_k f_k*log f_k",
    settings=RewardRow(head="mixture", loss="mixture", aggregation="weighted"),
    own=[
        whole("groups", 3, "Heads of the mixture; 1 is reward-bt."),
        real("entropy", 0.5, "Weight c of the term that evens out the router."),
    ],
    paper=MICRO_PAPER,
    status="text",
    verified="the paper",
    identities=["one head is reward-bt", "prob is the mixture's"],
    tests=["test_mixture_of_one_is_bradley_terry", "test_two_hidden_groups"],
    neighbour="reward-armorm",
)
MICRO_ROUTER = reward_method(
    "reward-micro-router",
    "Context-aware router (MiCRo, stage 2)",
    goes_on_from="reward-micro",
    summary="Fits the router of a MiCRo model to a few pairs with a context; the "
    "heads stay as they are. Start it from a model of reward-micro.",
    equation="L = -sum_k t_k*log f_k(x,c), t_k ~ f_k*exp(-L_k/tau)",
    settings=RewardRow(
        head="mixture", loss="mixture", aggregation="weighted", map="context"
    ),
    own=[
        flag("router_only", True, "Train the router alone, by the target t."),
        real("router_temperature", 0.1, "Temperature tau of the target.", low=1e-3),
        real("entropy", 0.0, "Weight of the term that evens out the router."),
    ],
    paper=MICRO_PAPER,
    columns=["context"],
    status="text",
    verified="the paper; the target is the closed form of its minimisation",
    identities=["t minimises sum w*L + tau*KL(w||f)"],
    tests=["test_router_target_is_the_closed_form"],
    neighbour="reward-micro",
    rate=1e-3,
)
MAXMIN = reward_method(
    "reward-maxmin",
    "Groups of annotators (MaxMin-RLHF)",
    summary="Several heads and a guess which annotator each explains, in turns; the "
    "value is the lowest head's.",
    equation="u(h) = argmax_u sum log sig(D_u) over h's pairs; L = -log sig(D_u(h)); "
    "r = min_u r_u",
    settings=RewardRow(
        loss="membership",
        aggregation="minimum",
        named="annotator",
        blind_to=("prompt_offset",),
    ),
    own=[
        whole("groups", 2, "Heads, one a group of annotators; 1 is reward-bt."),
        flag("hard", True, "Give every annotator to one head, not to all in shares."),
        real("memory", 0.9, "Share of an annotator's record kept a step.", high=1.0),
        SOFT,
    ],
    paper="Chakraborty et al. 2024, MaxMin-RLHF: Alignment with Diverse Human "
    "Preferences",
    columns=["annotator"],
    status="abstract",
    verified="",
    unverified="the assignment is from a citing paper; the running record is ours",
    identities=["one head is reward-bt", "groups of opposite taste are told apart"],
    tests=["test_two_hidden_groups"],
    neighbour="reward-micro",
)
PAL_A = reward_method(
    "reward-pal-a",
    "Ideal points (PAL-A)",
    summary="People are mixes of a few prototypes in a space of completions; nearer "
    "is better. Nobody's opinion is that of the average person.",
    equation="u = P.softmax(w_user), r = -|f(h) - u|, L = -log sig(r_w - r_l)",
    settings=RewardRow(
        head="ideal_point", named="annotator", blind_to=("prompt_offset",)
    ),
    own=[
        whole("prototypes", 2, "Prototypes, K; with 1 all people are alike."),
        whole("dimension", 512, "Dimensions of the space.", high=65536),
        SOFT,
    ],
    paper=PAL_PAPER,
    columns=["annotator"],
    status="code",
    verified="the authors' code, logistic in place of hinge",
    unverified="separate learning rates of prototypes and backbone, and the loss "
    "summed over token positions, which are left out",
    identities=["with one prototype all people agree", "shares lie on the simplex"],
    tests=["test_people_are_mixes_of_prototypes"],
    neighbour="reward-pal-b",
)
PAL_B = reward_method(
    "reward-pal-b",
    "Ideal directions by prompt (PAL-B)",
    summary="As ideal points, with directions that follow the prompt.",
    equation="u(x) = sum_k q_k*g_k(h_x), r = min(exp(t),100)*cos(f(h), u(x)), "
    "L = -log sig(r_w - r_l)",
    settings=RewardRow(
        head="ideal_point",
        named="annotator",
        blind_to=("prompt_offset",),
    ),
    own=[
        whole("prototypes", 2, "Prototypes, K; with 1 all people are alike."),
        whole("dimension", 512, "Dimensions of the space.", high=65536),
        flag("by_prompt", True, "Let the ideal follow the prompt."),
        SOFT,
    ],
    paper=PAL_PAPER,
    columns=["annotator"],
    status="code",
    verified="the authors' code, on last states in place of all positions",
    unverified="separate learning rates of prototypes and backbone",
    identities=["with one prototype all people agree", "|r| <= 100"],
    tests=["test_people_are_mixes_of_prototypes"],
    neighbour="reward-pal-a",
)
VPL = reward_method(
    "reward-vpl",
    "Latent users (VPL)",
    summary="Infers a person's taste from some of their own comparisons; for nobody "
    "it takes the prior's mean.",
    equation="L = -log sig(r(h_w,z) - r(h_l,z)) + k*KL(q(z|pairs) || N(0,1))",
    settings=RewardRow(
        head="latent",
        loss="elbo",
        named="annotator",
        blind_to=("prompt_offset",),
    ),
    own=[
        whole("shots", 4, "Pairs of the same person that the latent is read from."),
        whole("latent", 512, "Dimensions of the latent.", high=65536),
        whole("hidden", 512, "Width of the two networks.", high=65536),
        real("kl_weight", 3e-6, "Weight k of the distance from the prior."),
        real("kl_period", 1e4, "Steps of one rise of that weight.", low=1.0),
        SOFT,
    ],
    paper="Poddar et al. 2024, Personalizing Reinforcement Learning from Human "
    "Feedback with Variational Preference Learning",
    columns=["annotator"],
    status="code",
    verified="the authors' code; the latent is normalised neither in training nor in "
    "use, where theirs differ",
    unverified="active choice of questions, which is left out",
    identities=["the KL is 0 at the prior", "no pairs give the prior's mean"],
    tests=["test_latent_of_nobody_is_the_prior", "test_latent_tells_people_apart"],
    neighbour="reward-fspo",
)
RLBFF = reward_method(
    "reward-rlbff",
    "Does the answer keep a principle? (RLBFF)",
    summary="A language model says whether an answer keeps a principle; the value is "
    "the log-odds of yes, for the principle given in the settings.",
    equation="L = -log p(yes or no | x, y, principle); r = log p(yes) - log p(no)",
    settings=RewardRow(
        data="entailment",
        head="verdict",
        loss="answer",
        map="principle",
        blind_to=("user", "order"),
    ),
    own=[
        words(
            "principle",
            "The answer is correct, complete and helpful.",
            "The principle that scores ask about where none is given.",
        )
    ],
    paper="RLBFF: Binary Flexible Feedback to bridge between Human Feedback and "
    "Verifiable Rewards",
    status="abstract",
    verified="a summary that agrees with the abstract; sig(r) = p_yes/(p_yes + p_no) "
    "was derived",
    unverified="the wording of the question, which is ours, and the learning rate",
    identities=["sig(r) = p_yes/(p_yes + p_no)", "one answer is read, so no order"],
    tests=["test_verdict_is_the_log_odds_of_two_tokens"],
    neighbour="reward-pair-judge",
    upstream="trl.SFTTrainer on the answer token",
    batch=4,
)
JUDGE = reward_method(
    "reward-pair-judge",
    "Pair-encoded judge",
    summary="A language model reads both answers and names the better one, asked in "
    "both orders. Its value is the mean log-odds among completions scored together.",
    equation="L = -log p(A or B | x, y_A, y_B); "
    "P(a,b) = [p(a first) + 1 - p(b first)]/2",
    settings=RewardRow(head="verdict", loss="answer", map="judge", blind_to=("user",)),
    own=[SOFT],
    paper="Dong et al. 2024, RLHF Workflow: From Reward Modeling to Online RLHF "
    "(the pair preference model)",
    status="code",
    verified="the authors' code; wording is ours",
    identities=["P(a,b) + P(b,a) = 1"],
    tests=["test_judge_is_asked_in_both_orders"],
    neighbour="reward-rlbff",
    upstream="trl.SFTTrainer on the answer token",
    batch=4,
)
FINE_GRAINED = reward_method(
    "reward-fine-grained",
    "Segments that are fine or not (Fine-Grained RLHF)",
    summary="Classifies every clause or sentence from marked spans; each earns +1 or "
    "-1 at its last token, and the value is their sum.",
    equation="L = mean cross-entropy at segment ends; r_t = +1 fine, -1 error",
    settings=RewardRow(
        data="tokens", head="tokens", loss="segments", blind_to=("user",)
    ),
    own=[
        words("categories", "", "Categories that count as errors; empty: all."),
        Param(
            "density",
            "str",
            "clause",
            "Judge every clause or every sentence.",
            choices=("clause", "sentence"),
        ),
        whole("min_words", 5, "Words a clause needs on each side of its cut."),
    ],
    paper="Wu et al. 2023, Fine-Grained Human Feedback Gives Better Rewards for "
    "Language Model Training",
    status="code",
    verified="the authors' code and data; labels at the segment's last token in place "
    "of an inserted marker",
    identities=["one turned span moves one segment's reward", "offsets come back"],
    tests=["test_marked_characters_come_back", "test_one_span_moves_one_segment"],
    neighbour="reward-helpsteer2",
)
RLUF = reward_method(
    "reward-rluf",
    "Chance of a reaction (RLUF)",
    summary="Learns the chance that a reader reacts; where positives were upsampled, "
    "a known base rate sets the level right.",
    equation="L = cross-entropy of sig(r); r + logit(base) - logit(trained) in use",
    settings=RewardRow(data="unary", loss="unary", blind_to=("user",)),
    own=[
        real(
            "base_rate",
            0.0,
            "True share of reactions; 0 takes that of the rows.",
            high=0.999999,
        )
    ],
    paper="Reinforcement Learning from User Feedback (RLUF)",
    status="derivation",
    verified="the shift of the prior was derived",
    unverified="the paper's own details, known from a summary",
    identities=["the shift recovers the base rate"],
    tests=["test_prior_shift_recovers_the_base_rate"],
    neighbour="reward-helpsteer2",
)

FEATURES = reward_method(
    "reward-features",
    "Rated features (inductive-bias reward model)",
    summary="Learns from few pairs how rated features of completions (fluency, "
    "faithfulness, ...) make a preference; reads the ratings, not the texts.",
    equation="r = MLP(features(y)), L = -log sig(r_w - r_l)",
    settings=RewardRow(head="features"),
    own=[
        whole("features", 7, "Numbers rated of each completion.", high=1024),
        whole("hidden", 16, "Width of the network.", high=4096),
        SOFT,
    ],
    paper="Prompted opinion summarisation with an inductive-bias reward model",
    columns=["chosen_factors", "rejected_factors"],
    status="abstract",
    verified="",
    unverified="the size of the network, and who rates the features, which are given "
    "with the rows",
    identities=["a linear utility of the features is recovered from few pairs"],
    tests=["test_few_pairs_suffice_for_a_linear_utility"],
    neighbour="reward-heron",
    rate=1e-2,
)

PRESETS: tuple[Preset, ...] = (
    HELPSTEER2,
    ARMORM,
    GPM,
    MICRO,
    MICRO_ROUTER,
    MAXMIN,
    PAL_A,
    PAL_B,
    VPL,
    RLBFF,
    JUDGE,
    FINE_GRAINED,
    RLUF,
    FEATURES,
)
