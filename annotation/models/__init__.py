"""The record: what was asked, whom, and what they said."""

from annotation.models.actors import Actor, ApiToken
from annotation.models.feedback import Assignment, Feedback, QueueCursor, Tally
from annotation.models.judges import (
    MAYBE_PAID,
    Judge,
    JudgeBatch,
    JudgeCall,
    JudgeFailure,
    JudgeIntent,
)
from annotation.models.principles import Extraction, LibraryPrinciple, Mention
from annotation.models.projects import Membership, Project, ProtocolVersion, Scale
from annotation.models.prompts import Completion, Import, ImportedRow, Prompt
from annotation.models.tasks import Task, TaskCompletion

__all__ = [
    "MAYBE_PAID",
    "Actor",
    "ApiToken",
    "Assignment",
    "Completion",
    "Extraction",
    "Feedback",
    "Import",
    "ImportedRow",
    "Judge",
    "JudgeBatch",
    "JudgeCall",
    "JudgeFailure",
    "JudgeIntent",
    "LibraryPrinciple",
    "Membership",
    "Mention",
    "Project",
    "Prompt",
    "ProtocolVersion",
    "QueueCursor",
    "Scale",
    "Tally",
    "Task",
    "TaskCompletion",
]
