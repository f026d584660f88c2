"""Reading XML that others wrote: no entities, bounded size, errors that name file and element."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from prediction_node.domain.errors import DataError

MAX_BYTES = 256 * 1024 * 1024
LARGEST = 1e9  # beyond any coordinate, duration or speed


class Node:
    """An element that knows where it stands; `where` reads `dynamicObstacle 17: trajectory`."""

    __slots__ = ('_parent', '_place', 'element', 'file')

    def __init__(
        self, element: Element, file: Path, parent: Node | None = None, place: int | None = None
    ) -> None:
        self.element = element
        self.file = file
        self._parent = parent
        self._place = place  # among its brothers, if it has some

    @property
    def where(self) -> str:
        if self._parent is None:
            return ''
        label = self.element.get('id') or ('' if self._place is None else str(self._place))
        name = f'{self.element.tag} {label}'.rstrip()
        return f'{self._parent.where}: {name}'.removeprefix(': ')

    def error(self, problem: str) -> DataError:
        return DataError(': '.join(part for part in (str(self.file), self.where, problem) if part))

    @property
    def tag(self) -> str:
        return self.element.tag

    def all(self, tag: str) -> list[Node]:
        """Every direct child with this tag."""
        found = self.element.findall(tag)
        several = len(found) > 1
        return [Node(e, self.file, self, i if several else None) for i, e in enumerate(found)]

    def find(self, tag: str) -> Node | None:
        """The first direct child with this tag."""
        e = self.element.find(tag)
        return None if e is None else Node(e, self.file, self)

    def child(self, tag: str) -> Node:
        """As `find`, but a missing child is a DataError."""
        found = self.find(tag)
        if found is None:
            raise self.error(f'element {tag} is missing')
        return found

    @property
    def text(self) -> str:
        return (self.element.text or '').strip()

    def number(self, tag: str | None = None) -> float:
        """The finite number that this element, or its child `tag`, holds."""
        node = self if tag is None else self.child(tag)
        try:
            value = float(node.text)
        except ValueError:
            raise node.error(f'must be a number, got {node.text!r}') from None
        if not math.isfinite(value):
            raise node.error(f'must be finite, got {node.text}')
        if abs(value) > LARGEST:
            raise node.error(f'must lie in [-{LARGEST:.0e}, {LARGEST:.0e}], got {node.text}')
        return value

    def attribute(self, name: str) -> str:
        value = self.element.get(name)
        if value is None:
            raise self.error(f'attribute {name} is missing')
        return value

    def integer(self, name: str) -> int:
        """The attribute `name` as an integer."""
        value = self.attribute(name)
        try:
            number = int(value)
        except ValueError:
            raise self.error(f'attribute {name} must be an integer, got {value!r}') from None
        if abs(number) >= 2**62:
            raise self.error(f'attribute {name} must be below 2**62, got {value}')
        return number


def read_xml(path: Path, root_tag: str) -> Node:
    """The root of an XML file. Raises DataError for a file that is not plain XML with that root.

    A document type declaration is refused: entities are never needed here and can be made to grow.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f'{path} has {size} bytes, more than the {MAX_BYTES} accepted')
        data = path.read_bytes()
    except OSError as problem:
        raise DataError(f'{path} cannot be read: {problem.strerror}') from problem

    def refuse(*_: Any) -> None:
        raise DataError(f'{path}: a document type declaration is not accepted')

    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
    except expat.ExpatError as problem:
        raise DataError(f'{path} is not well-formed XML: {problem}') from problem
    root = builder.close()
    if root.tag != root_tag:
        raise DataError(f'{path}: the root element must be {root_tag}, got {root.tag}')
    return Node(root, path)
