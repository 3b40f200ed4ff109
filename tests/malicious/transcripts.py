"""Transcripts that write down what they hear, or do not hear one label: a reference verifier with one absorb left out."""

import copy
from typing import Any

from prover.reference.transcript import Transcript


class RecordingTranscript(Transcript):
    """Appends every ("absorb", label, data) and ("challenge", label, scalar) to `events`, which all copies share."""

    def __init__(self, label: bytes) -> None:
        super().__init__(label)
        self.events: list[tuple[str, bytes, bytes]] = []

    def absorb(self, label: bytes, data: bytes) -> None:
        self.events.append(("absorb", label, data))
        super().absorb(label, data)

    def challenge(self, label: bytes) -> bytes:
        scalar = super().challenge(label)
        self.events.append(("challenge", label, scalar))
        return scalar

    def heard(self, label: bytes) -> list[int]:
        """The challenges of this label so far."""
        return [int.from_bytes(data, "big") for kind, own, data in self.events if (kind, own) == ("challenge", label)]


def deaf_to(missing: bytes) -> type[RecordingTranscript]:
    """A transcript class that leaves out what is absorbed under the label `missing`."""

    class DeafTranscript(RecordingTranscript):
        def absorb(self, label: bytes, data: bytes) -> None:
            if label != missing:
                super().absorb(label, data)

    return DeafTranscript


def constant(answered: bytes) -> type[RecordingTranscript]:
    """A transcript class whose challenge of this label is always 1."""

    class ConstantTranscript(RecordingTranscript):
        def challenge(self, label: bytes) -> bytes:
            scalar = super().challenge(label)
            return (1).to_bytes(len(scalar), "big") if label == answered else scalar

    return ConstantTranscript


def foresee(transcript: Any, *labels: bytes) -> list[int]:
    """The next challenges, as somebody can know them who need not absorb anything before."""
    ahead = copy.copy(transcript)
    return [int.from_bytes(ahead.challenge(label), "big") for label in labels]
