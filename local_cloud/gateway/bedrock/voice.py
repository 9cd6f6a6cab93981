"""Speaks: text becomes 16-bit mono sound, by flite or, where that is missing, espeak-ng."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import av

SPEAK_SECONDS_MAX = 30.0
TEXT_CHARACTERS_MAX = 1000
"""More is not read out: about a minute of speech."""


class Speechless(Exception):  # noqa: N818 (an outcome that is told to the caller)
    """There is no program that speaks; the message says what to install."""


def _command(target: Path) -> list[str]:
    if program := shutil.which("flite"):
        return [program, "-voice", "slt", "-f", str(target.with_suffix(".txt")), "-o", str(target)]
    if program := shutil.which("espeak-ng"):
        return [program, "-f", str(target.with_suffix(".txt")), "-w", str(target)]
    raise Speechless(
        "The local cloud's voice needs flite or espeak-ng: apt-get install flite (Debian, Ubuntu), brew "
        "install espeak-ng (macOS)."
    )


async def speak(text: str, rate: int) -> bytes:
    """Return a text as sound of so many samples a second.

    Raises:
        Speechless: nothing here can speak.

    """
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "voice.wav"
        command = _command(target)
        # A file, because a text could be taken for an option.
        target.with_suffix(".txt").write_text(text[:TEXT_CHARACTERS_MAX], encoding="utf-8")
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await asyncio.wait_for(child.wait(), SPEAK_SECONDS_MAX)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode or not target.is_file():
            raise Speechless(f"{Path(command[0]).name} ended with {child.returncode} and said nothing.")
        return await asyncio.to_thread(_samples, target, rate)


def _samples(path: Path, rate: int) -> bytes:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    with av.open(str(path)) as media:
        frames = [part for frame in media.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)
