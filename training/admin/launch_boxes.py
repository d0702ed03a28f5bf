"""The boxes of the launch form that are the same for every method."""

from typing import TYPE_CHECKING, Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from annotation.admin.forms import OwnForm
from training.admin.fields import number_box
from training.models import ModelVersion, Snapshot

if TYPE_CHECKING:
    ChoiceOfSnapshots = forms.ModelChoiceField[Snapshot]
else:  # Django's own fields take no type when they run
    ChoiceOfSnapshots = forms.ModelChoiceField


class SnapshotChoice(ChoiceOfSnapshots):
    """Snapshots with their size, and their project where there are several."""

    several_projects = False

    def label_from_instance(self, obj: Any) -> str:
        project = f"{obj.project.name}: " if self.several_projects else ""
        return f"{project}{obj.name} ({obj.rows:,} rows)"


class LaunchBoxes(OwnForm):
    """What every run is told; a form keeps those that its method takes."""

    snapshot = SnapshotChoice(
        queryset=Snapshot.objects.none(),
        label="Snapshot",
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
        help_text="The frozen feedback it learns from. A snapshot never changes.",
    )
    model = forms.ChoiceField(
        label="Model to start from",
        widget=UnfoldAdminSelectWidget,
        help_text="Its weights are copied; the model itself stays as it is.",
    )
    source = forms.CharField(
        required=False,
        label="Its source",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="For “another model” alone: a directory on the workers' machine, a "
        "hub id, or a .gguf file.",
    )
    judge = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        label="Reward model that judges",
        empty_label="none",
        widget=UnfoldAdminSelectWidget,
        help_text="Compares the policy's completions with the reference's.",
    )
    reference = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        label="Reference",
        empty_label="the model it starts from",
        widget=UnfoldAdminSelectWidget,
        help_text="The frozen policy that it is held close to.",
    )
    name = forms.CharField(
        required=False,
        max_length=200,
        label="Name",
        widget=UnfoldAdminTextInputWidget,
        help_text="Empty: the method, the model and the snapshot.",
    )
    seed = forms.IntegerField(
        label="Seed",
        min_value=0,
        max_value=2**31 - 1,
        widget=number_box(),
        help_text="Same seed, snapshot and settings: same numbers on the same machine.",
    )
    use_lora = forms.BooleanField(
        required=False,
        label="Train low-rank adapters (LoRA)",
        widget=UnfoldBooleanWidget,
        help_text="Trains a few new weights instead of all; merged at the end.",
    )
    lora_r = forms.IntegerField(
        required=False,
        initial=16,
        label="Rank",
        widget=number_box(),
        help_text="Width of the new weights: wider learns and costs more. Usually 16.",
    )
    lora_alpha = forms.FloatField(
        required=False,
        initial=32,
        label="Alpha",
        widget=number_box(),
        help_text="The new weights count alpha / rank times. Usually twice the rank.",
    )
    lora_dropout = forms.FloatField(
        required=False,
        initial=0,
        label="Dropout",
        widget=number_box(),
        help_text="Share of their inputs left out at random, 0 to 1. Usually 0.",
    )
    max_rows = forms.IntegerField(
        required=False,
        label="Rows at most",
        widget=number_box(placeholder="all"),
        help_text="A seeded subset; what is left out is recorded.",
    )
    minutes = forms.FloatField(
        required=False,
        label="Minutes at most",
        widget=number_box(placeholder="no limit"),
        help_text="Times a few batches, then trains on as many rows as fit.",
    )
    max_steps = forms.IntegerField(
        required=False,
        label="Steps at most",
        widget=number_box(placeholder="no limit"),
        help_text="Optimiser steps after which it stops and keeps what it has.",
    )
