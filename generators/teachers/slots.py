"""The key-value cache of a changing set of rows. Loads torch and transformers: import it where a model is loaded.

Rows are aligned at their newest token: one step writes one column for all. A row that leaves is overwritten by the
last one, a row that comes is written at the end of the batch, and columns that no row looks at any more are cut off
on the left from time to time; so nothing is copied as a whole at every step. What a row may look at is its mask:
columns before it came, and tokens that it took back, are masked.
"""

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

_SPARE_COLUMNS = 128
"""Columns allocated ahead."""

_FREE_COLUMNS = 64
"""Unused columns on the left, at least, before they are cut off."""


class Slots:
    """Keys and values of all layers and the mask of what each row looks at.

    `cache` is what transformers takes: a forward pass of one token a row writes the column that `begin_step` opened.
    """

    def __init__(self, layers: int, device: torch.device) -> None:
        self._layers = [_Layer() for _ in range(layers)]
        self.cache = Cache(layers=self._layers)
        self._mask = torch.zeros((0, 0), dtype=torch.bool, device=device)
        self._rows = 0
        self._columns = 0

    @torch.inference_mode()
    def add(self, prefilled: Cache, index: int, length: int) -> None:
        """Takes a row in: row `index` of a cache that is padded on the left and whose last `length` columns count."""
        if self._rows == 0:
            self._columns = 0
        if length > self._columns:
            self._shift(length - self._columns)
        self._reserve(self._rows + 1, self._columns)
        row, self._rows = self._rows, self._rows + 1
        self._mask[row] = False
        self._mask[row, self._columns - length : self._columns] = True
        if length:
            for layer, source in zip(self._layers, prefilled.layers, strict=True):
                layer.reserve(self._mask.shape, source.keys, source.values)
                layer.write(
                    row, self._columns - length, source.keys[index, :, -length:], source.values[index, :, -length:]
                )

    @torch.inference_mode()
    def begin_step(self) -> torch.Tensor:
        """Opens a column for the next token of every row; gives the mask [rows, columns], that column included."""
        used = self._mask[: self._rows, : self._columns].any(0)
        free = int(used.to(torch.uint8).argmax()) if bool(used.any()) else self._columns
        if free >= _FREE_COLUMNS and free * 4 >= self._columns:
            self._shift(-free)
        self._reserve(self._rows, self._columns + 1)
        self._columns += 1
        self._mask[:, self._columns - 1] = True
        for layer in self._layers:
            layer.rows, layer.columns, layer.shape = self._rows, self._columns, self._mask.shape
        return self._mask[: self._rows, : self._columns]

    @torch.inference_mode()
    def keep_first(self, row: int, count: int) -> None:
        """Masks all of a row's tokens but the first `count`."""
        seen = self._mask[row, : self._columns].nonzero()[:, 0]
        self._mask[row, seen[count:]] = False

    @torch.inference_mode()
    def remove(self, row: int) -> None:
        """Lets a row go; the last row takes its place."""
        self._rows -= 1
        if row != self._rows:
            self._mask[row] = self._mask[self._rows]
            for layer in self._layers:
                layer.move(self._rows, row, self._mask.shape)

    def _reserve(self, rows: int, columns: int) -> None:
        """Makes the mask, to whose size the layers grow when they are written, large enough."""
        have_rows, have_columns = self._mask.shape
        if rows > have_rows or columns > have_columns:
            rows = max(rows, have_rows * 2) if rows > have_rows else have_rows
            columns = max(columns + _SPARE_COLUMNS, have_columns * 5 // 4) if columns > have_columns else have_columns
            self._mask = _grown(self._mask, (rows, columns))

    def _shift(self, by: int) -> None:
        """Moves all rows to the right by so many columns, or to the left, where what falls off is unused."""
        before = self._columns
        self._columns += by
        self._reserve(self._rows, self._columns)
        self._mask = _shifted(self._mask, 1, before, by)
        self._mask[:, : max(0, by)] = False
        for layer in self._layers:
            layer.shift(before, by, self._mask.shape)


class _Layer(CacheLayerMixin):
    """One layer's keys and values, [rows, heads, columns, head size], allocated ahead. Unwritten columns are zero:
    what is masked must still be finite."""

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self.rows = self.columns = 0
        self.shape = torch.Size((0, 0))

    def reserve(self, shape: torch.Size, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Makes room for [rows, columns]; `keys` and `values` show the other sizes and the type."""
        if self.keys is None:
            self.keys = keys.new_zeros((0, keys.shape[1], 0, keys.shape[3]))
            self.values = values.new_zeros((0, values.shape[1], 0, values.shape[3]))
            self.is_initialized = True
        if self.keys.shape[0] < shape[0] or self.keys.shape[2] < shape[1]:
            self.keys = _grown(self.keys, (shape[0], keys.shape[1], shape[1], keys.shape[3]))
            self.values = _grown(self.values, (shape[0], values.shape[1], shape[1], values.shape[3]))

    def write(self, row: int, start: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys[row, :, start : start + keys.shape[1]] = keys
        self.values[row, :, start : start + values.shape[1]] = values

    def move(self, source: int, target: int, shape: torch.Size) -> None:
        if self.keys is not None:
            self.reserve(shape, self.keys, self.values)
            self.keys[target], self.values[target] = self.keys[source], self.values[source]

    def shift(self, columns: int, by: int, shape: torch.Size) -> None:
        if self.keys is not None:
            self.reserve(shape, self.keys, self.values)
            self.keys = _shifted(self.keys, 2, columns, by)
            self.values = _shifted(self.values, 2, columns, by)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the opened column; gives all columns of all rows."""
        self.reserve(self.shape, key_states, value_states)
        self.keys[: self.rows, :, self.columns - 1] = key_states[:, :, 0]
        self.values[: self.rows, :, self.columns - 1] = value_states[:, :, 0]
        return self.keys[: self.rows, :, : self.columns], self.values[: self.rows, :, : self.columns]

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.reserve(self.shape, key_states, value_states)

    def get_seq_length(self) -> int:
        return self.columns - 1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.columns, 0

    def get_max_length(self) -> int:
        return -1


def _grown(tensor: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Gives a larger tensor with the old one in its corner and zeros elsewhere."""
    larger = tensor.new_zeros(shape)
    larger[tuple(slice(0, size) for size in tensor.shape)] = tensor
    return larger


def _shifted(tensor: torch.Tensor, axis: int, columns: int, by: int) -> torch.Tensor:
    """Gives the tensor with its first `columns` moved by so many places along an axis."""
    moved = torch.zeros_like(tensor)
    kept = columns - max(0, -by)
    moved.narrow(axis, max(0, by), kept).copy_(tensor.narrow(axis, max(0, -by), kept))
    return moved
