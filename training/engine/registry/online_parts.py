"""PPO on rewards of parts of completions: of clauses, of sentences, of tokens."""

from training.engine.registry import online_params as settings
from training.engine.registry.online_critic import variant
from training.engine.registry.types import MadeBy, Preset

PRESETS: tuple[Preset, ...] = (
    variant(
        "fine-grained-rlhf",
        "PPO on rewards of parts (fine-grained RLHF)",
        "Learns from models that judge every clause or sentence (reward-fine-grained), "
        "each verdict where its part ends; rewards of whole completions stand at the "
        "end as ever. Weights go by name (source_weights).",
        row={"placement": "parts"},
        made_by=(MadeBy(("reward", "reward_2", "reward_3"), ("reward-fine-grained",)),),
        defaults={"kl_coef": 0.3, "whiten_rewards": True},
        paper="Wu et al. 2023, Fine-Grained Human Feedback Gives Better Rewards for "
        "Language Model Training, section 2.2",
        equation="r_t = sum_c w_c (+-1 where a part of category c ends) + w R at the "
        "end - kl_coef (log pi - log ref)_t; A by GAE",
        identities=(
            "a completion's rewards of parts add up to its parts' scores",
            "a category of weight 0 adds nothing",
            "one part that ends where the completion does: PPO on its score",
        ),
        status="code",
        verified="the authors' code: placement, weights, tie and whitening",
        unverified="the whole-completion score is not scaled to unit variance unless "
        "score_scale says so",
        tests=(
            "test_rewards_of_parts_add_up_to_their_scores",
            "test_one_part_at_the_end_is_a_score",
        ),
    ),
    variant(
        "ppo-seq2seq",
        "PPO on a mapping's word on every token (seq2seq reward model)",
        "Rewards the tokens that a model which writes answers again as they would be "
        "preferred (seq2seq-reward) would write too, and punishes the others. Other "
        "rewards are optional and stand at the end.",
        row={"placement": "parts"},
        own=(
            settings.choice(
                "reading",
                "aligned",
                "Align with what the mapping writes, or ask it of each token (forced).",
                "aligned",
                "forced",
            ),
        ),
        models=("mapping",),
        made_by=(MadeBy(("mapping",), ("seq2seq-reward",)),),
        paper="Zhou et al. 2024, Sequence to Sequence Reward Modeling: Improving RLHF "
        "by Language Feedback",
        equation="r_t = 1/n if y_t agrees with the mapped answer, else -1/n; A by GAE "
        "with the tie to ref. aligned: y_t in a run that y shares with the answer, by "
        "difflib; forced: y_t = argmax_v p_m(v | x, y, y_<t)",
        identities=(
            "a completion equal to what the mapping writes has no negative token",
            "a planted error is negative, and nothing else is",
            "rewards of tokens add up to the completion's score",
        ),
        status="abstract",
        verified="a figure's caption: positive until the completion differs from the "
        "mapping's output, then, read token by token, negative where it differs",
        unverified="the alignment by difflib, and the size of the rewards, 1/n of n "
        "tokens; what agrees after a difference, which earns as before it here",
        neighbour="fine-grained-rlhf",
        tests=(
            "test_what_a_mapping_writes_itself_has_no_negative_token",
            "test_planted_error_alone_is_negative",
            "test_tokens_of_a_mapping_add_up",
        ),
    ),
)
