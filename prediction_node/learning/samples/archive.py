"""Arrays as uncompressed .npz bytes (numpy.load reads them): the same arrays, the same bytes."""

from __future__ import annotations

import functools
import io
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

_NPY = b'\x93NUMPY\x01\x00'
# What zipfile and numpy raise on bytes that are not theirs.
_NOT_WHOLE = (ValueError, KeyError, EOFError, struct.error, zipfile.BadZipFile, SyntaxError)


def pack(arrays: Mapping[str, np.ndarray], compressed: bool = False) -> bytes:
    """An .npz archive of the arrays."""
    file = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, 'w', kind) as archive:
        for name, values in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(
                data, np.asarray(values, order='C'), version=(1, 0), allow_pickle=False
            )
            # The date of an entry is fixed: it would be the only thing to differ between two runs.
            info = zipfile.ZipInfo(f'{name}.npy', date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = kind
            archive.writestr(info, data.getvalue())
    return file.getvalue()


def unpack(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz archive, read-only. Raises ValueError where it is no whole one.

    numpy.load does the same, but parses the same headers anew for every archive: of the 30 arrays
    of a sample that takes longer than all the rest.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {
                info.filename.removesuffix('.npy'): _array(archive.read(info))
                for info in archive.infolist()
            }
    except _NOT_WHOLE as problem:
        raise ValueError(f'no whole .npz archive: {problem}') from problem


def _array(data: bytes) -> np.ndarray:
    if data[:8] != _NPY:
        raise ValueError('an entry is no .npy file of version 1.0')
    (length,) = struct.unpack_from('<H', data, 8)
    dtype, shape = _header(data[10 : 10 + length])
    return np.frombuffer(data, dtype, offset=10 + length).reshape(shape)


@functools.lru_cache(maxsize=4096)
def _header(text: bytes) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    size = struct.pack('<H', len(text))
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(io.BytesIO(size + text))
    if fortran or dtype.hasobject:
        raise ValueError('an entry is in Fortran order or holds objects')
    return dtype, shape
