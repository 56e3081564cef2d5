"""Names of people, replaced: in one repository a person has one placeholder, whatever is read and in whatever order.

A person is known by login, by e-mail address or by name. GitHub's no-reply addresses tell the login. What ties them
otherwise (a commit's name and address) is used within one text only, so a person of two addresses may get two placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

BOTS = frozenset(
    "dependabot dependabot-preview renovate renovate-bot greenkeeper greenkeeperio-bot codecov codecov-io codecov-commenter "
    "coveralls snyk-bot github-actions travis-ci pre-commit-ci mergify stale netlify vercel allcontributors imgbot imgbotapp "
    "pyup-bot weblate k8s-ci-robot k8s-triage-robot bors bors-servo homu rust-highfive rustbot rust-log-analyzer googlebot "
    "google-cla claassistant cla-bot cla-assistant sonarcloud sonarqubecloud deepsource-autofix lgtm-com codeclimate houndci-bot "
    "web-flow facebook-github-bot facebook-github-tools pytorchmergebot pytorchbot copybara-service gerrit-bot ci-bot "
    "semantic-release-bot release-please github-classroom probot azure-pipelines msftbot dotnet-bot dotnet-maestro "
    "microsoft-github-policy-service conda-forge-linter conda-forge-admin nixpkgs-ci ofborg scala-steward transifex "
    "restyled-io sweep-ai coderabbitai gemini-code-assist welcome delete-merged-branch review-notebook-app pep8speaks "
    "sourcery-ai-bot asfgit asf-ci jenkins-x-bot openshift-ci-robot openshift-merge-robot highfive wpcomlab".split()
)  # fmt: skip
_NO_REPLY = re.compile(r"^(?:\d+\+)?([\w-]+(?:\[bot\])?)@users\.noreply\.github\.com$", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+%-]{1,64}(?:\[bot\])?@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[A-Za-z][\w-]{1,62}")
_MENTION = re.compile(r"(?<![\w/.@`-])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))(?![\w-]|/[\w@-]|\.\w|\()")
_TRAILER = re.compile(
    r"^([ \t]*(?:signed-off-by|co-authored-by|co-developed-by|reviewed-by|acked-by|tested-by|reported-by|suggested-by|helped-by"
    r"|cc|author|committer|from|thanks-to|mentored-by|approved-by|reviewers?|based-on-patch-by)[ \t]*:[ \t]*)"
    r"([^<>\n@#:]{1,100}?)[ \t]*(?:<([^<>\s]{3,120})>)?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_PROFILE = re.compile(r"(https?://(?:www\.)?github\.com/)([A-Za-z0-9][A-Za-z0-9-]{0,38})(?=[\s)\]>\"'.,]|$)")
_CODE = re.compile(r"(^[ \t]*(?:```|~~~).*?(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z)|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\w+")
_LONGER = re.compile(r"\w|-\w")
# Logins that are words of their own: as mentions they are replaced, as bare words they stay.
_WORDS = frozenset(
    "admin root test tests user users none null main master code data guest github author python java rust docs build".split()
)
_NOT_PEOPLE = frozenset(
    "param return returns throws override deprecated todo property dataclass staticmethod classmethod pytest media import author version "
    "see since link type types typedef example default app api interface implementation angular babel vue nestjs".split()
)  # fmt: skip


class Person(NamedTuple):
    """What is known of one person; empty where it is not."""

    login: str = ""
    name: str = ""
    email: str = ""

    @property
    def key(self) -> str:
        """What the placeholder is made of."""
        if self.login:
            return self.login.lower()
        if known := _NO_REPLY.match(self.email):
            return known[1].lower()
        return (self.email or " ".join(self.name.split())).lower()


def identity(text: str) -> Person:
    """The person of git's "Name <address> …"."""
    name, _, rest = text.partition("<")
    return Person("", name.strip(), rest.partition(">")[0].strip())


def is_bot(person: Person, kind: str = "") -> bool:
    """Whether an account writes by itself: by its type (GitHub's `user.type`), its name, or the list of known ones."""
    if kind == "Bot":
        return True
    known = _NO_REPLY.match(person.email)
    for name in (person.login, person.name, known[1] if known else ""):
        bare = name.lower().strip().replace(" ", "-")
        if bare.endswith("[bot]") or bare.removesuffix("[bot]") in BOTS:
            return True
    return False


class People:
    """Replaces names in the texts of one repository. `salt` keeps placeholders from being looked up in a list of logins."""

    def __init__(self, repo: str, salt: str) -> None:
        self._repo, self._salt = repo.lower(), salt
        self._names: dict[str, str] = {}  # as it stands in a text, in lower case -> placeholder
        self._starts: dict[str, list[str]] = {}  # first word of a name -> the names, longest first

    def placeholder(self, key: str) -> str:
        """The same for the same person of the repository, on any machine: "user_" and eight hex digits."""
        data = "\0".join((self._salt, self._repo, key)).encode("utf-8", "surrogatepass")
        return "user_" + blake2b(data, digest_size=4).hexdigest()

    def of(self, person: Person) -> str:
        """The placeholder of a person."""
        return self.placeholder(person.key) if person.key else "someone"

    def know(self, persons: Iterable[Person]) -> None:
        """Names and addresses that are replaced wherever they stand: full names, addresses, logins that are no plain words."""
        before = len(self._names)
        for person in persons:
            made = self.of(person)
            name = " ".join(person.name.split())
            if len(name) >= 4 and (" " in name or not name.isascii()):
                self._names.setdefault(name.lower(), made)
            if person.email:
                self._names.setdefault(person.email.lower(), made)
            for login in (person.login, name if " " not in name else ""):
                if len(login) >= 4 and login.lower() not in _WORDS:
                    self._names.setdefault(login.lower(), made)
        if len(self._names) > before:
            for entry in list(self._names)[before:]:
                if word := _WORD.match(entry):
                    held = self._starts.setdefault(word[0], [])
                    held.append(entry)
                    held.sort(key=lambda name: (-len(name), name))

    def clean(self, text: str) -> str:
        """A text in which names stand no more: trailers, addresses, mentions, links to profiles, and who is known."""
        text = _TRAILER.sub(self._trailer, text)
        text = self.known(text)
        text = _EMAIL.sub(lambda match: self.of(Person(email=match[0])), text)
        text = _PROFILE.sub(lambda match: match[1] + self.placeholder(match[2].lower()), text)
        # In code an "@" is a decorator; GitHub mentions nobody there either.
        pieces = _CODE.split(text)
        return "".join(p if number % 2 else _MENTION.sub(self._mention, p) for number, p in enumerate(pieces))

    def known(self, text: str) -> str:
        """A text (a diff) in which only those that are known are replaced."""
        if not self._starts:
            return text
        lower = text.lower()
        if len(lower) != len(text):  # a few letters have a longer lower case
            lower = "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)
        pieces: list[str] = []
        done = 0
        for match in _WORD.finditer(lower):
            start = match.start()
            names = self._starts.get(match[0])
            if names is None or start < done or _within(lower, start):
                continue
            for name in names:
                end = start + len(name)
                if lower.startswith(name, start) and not _LONGER.match(lower, end):
                    pieces += [text[done:start], self._names[name]]
                    done = end
                    break
        return "".join([*pieces, text[done:]])

    def _trailer(self, match: re.Match[str]) -> str:
        return match[1] + self.of(Person(name=match[2], email=match[3] or ""))

    def _mention(self, match: re.Match[str]) -> str:
        name = match[1]
        if name.lower() in _NOT_PEOPLE or name.startswith("user_"):
            return match[0]
        return "@" + self.placeholder(name.lower())


def _within(text: str, start: int) -> bool:
    """Whether a word at this place goes on something before it: a domain, an address, a word with a hyphen."""
    if not start or text[start - 1] not in "@.-":
        return False
    before = text[start - 2] if start > 1 else " "
    return text[start - 1] == "." or before.isalnum() or before in "_."
