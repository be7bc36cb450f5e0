"""From a path to the resource that answers it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.local.gateway.answers import RouteNotFound
from infra.local.gateway.request import decode_path


@dataclass(frozen=True, slots=True)
class Match:
    """A resource such as `/aluno/{id}` and what its parameters are this time.

    `parameters` is None for a resource without any, as in API Gateway's events.
    """

    resource: str
    parameters: dict[str, str] | None


@dataclass(slots=True)
class _Node:
    """One level of paths: what may follow as a literal, and whether anything may."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    resource: str | None = None


class RouteTable:
    """The resources of an app, ready to be matched.

    At each level a literal segment wins over a parameter. An encoded slash stays inside its
    parameter, because segments are cut before they are decoded.
    """

    def __init__(self, resources: Iterable[str]) -> None:
        self._literal: dict[str, Match] = {}
        self._root = _Node()
        for resource in resources:
            if "{" not in resource:
                self._literal[resource] = Match(resource, None)
            self._insert(resource)

    def match(self, path: str) -> Match:
        """The resource at a percent-encoded path; one slash at its end does not count.

        Raises:
            RouteNotFound: There is none.
            BadRequest: The path is malformed.
        """
        found = self._literal.get(path)
        if found is not None:
            return found
        segments = [decode_path(segment) for segment in _segments(path)]
        values: list[str] = []
        resource = _walk(self._root, segments, 0, values)
        if resource is None:
            raise RouteNotFound
        names = [part[1:-1] for part in _segments(resource) if part.startswith("{")]
        return Match(resource, dict(zip(names, values, strict=True)) or None)

    def _insert(self, resource: str) -> None:
        node = self._root
        for segment in _segments(resource):
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        node.resource = resource


def _segments(path: str) -> list[str]:
    """`/a/b` and `/a/b/` as ["a", "b"]; the root as [""]."""
    return (path[:-1] if path.endswith("/") and len(path) > 2 else path).split("/")[1:]


def _walk(node: _Node, segments: list[str], depth: int, values: list[str]) -> str | None:
    """The resource below `node`; fills `values` with what its parameters took."""
    if depth == len(segments):
        return node.resource
    segment = segments[depth]
    literal = node.literals.get(segment)
    if literal is not None:
        resource = _walk(literal, segments, depth + 1, values)
        if resource is not None:
            return resource
    if node.parameter is None or not segment:
        return None
    values.append(segment)
    resource = _walk(node.parameter, segments, depth + 1, values)
    if resource is None:
        values.pop()
    return resource
