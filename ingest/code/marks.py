"""The tags of a source file: vendored, generated, minified, lock, test, documentation, configuration, data.

After Linguist's idea of what is no hand-written code of a repository, with tables of our own. Each rule looks at the
path, the language or the text; a file may have several tags.
"""

from __future__ import annotations

import re

TAGS = ("configuration", "data", "documentation", "generated", "lock", "minified", "test", "vendored")

# -- by the folders and the name ---------------------------------------------------------------------------------

VENDORED_FOLDERS = frozenset(
    "node_modules bower_components vendor vendors vendored _vendor _vendored third_party third-party 3rdparty thirdparty "
    "extern external externals deps godeps carthage pods jspm_packages .yarn .bundle site-packages dist-packages subprojects "
    "contrib-libs jquery-ui webpack_vendor mdbook-themes cmakemodules .eggs .venv venv virtualenv".split()
)
VENDORED_NAMES = re.compile(
    r"^(?:jquery(?:[.-](?:ui|\d|min|slim)[\w.-]*)?\.js|bootstrap(?:[.-][\w.-]+)?\.(?:js|css|scss|less)|angular(?:[.-][\w.-]+)?\.js"
    r"|react(?:-dom)?[.-][\w.-]*\.js|d3(?:\.v\d+)?(?:\.min)?\.js|modernizr[\w.-]*\.js|underscore(?:[.-][\w.-]+)?\.js"
    r"|lodash(?:[.-][\w.-]+)?\.js|backbone(?:[.-][\w.-]+)?\.js|require(?:\.min)?\.js|prototype\.js|mootools[\w.-]*\.js"
    r"|tiny_mce[\w.-]*\.js|ace(?:-[\w-]+)?\.js|mathjax\.js|font-?awesome[\w.-]*\.(?:css|less|scss)|normalize\.css|sqlite3\.[ch]"
    r"|gradlew(?:\.bat)?|mvnw(?:\.cmd)?|ltmain\.sh|config\.(?:guess|sub)|install-sh|depcomp|missing|libtool\.m4|ez_setup\.py"
    r"|versioneer\.py|catch2?\.hpp|doctest\.h|stb_\w+\.h|get-pip\.py|texinfo\.tex|\.pnp\.c?js|modernizr\.js)$"
)
LOCKS = frozenset(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb cargo.lock cargo.toml.orig poetry.lock pdm.lock uv.lock "
    "pipfile.lock pixi.lock pylock.toml conda-lock.yml composer.lock gemfile.lock gems.locked podfile.lock go.sum go.work.sum gopkg.lock glide.lock "
    "mix.lock rebar.lock pubspec.lock flake.lock deno.lock package.resolved cartfile.resolved packages.lock.json "
    "project.assets.json paket.lock module.bazel.lock .terraform.lock.hcl buf.lock mise.lock mamba.lock berksfile.lock shard.lock "
    "manifest.lock elm-stuff.lock chart.lock conan.lock pub.lock gradle.lockfile buildscript-gradle.lockfile".split()
)
TEST_FOLDERS = frozenset(
    "test tests testing __tests__ __test__ spec specs e2e testdata test-data test_data fixtures __fixtures__ __mocks__ __snapshots__ "
    "testsuite testsuites unittest unittests integration-tests integration_tests functional_tests androidtest cypress".split()
)
TEST_NAMES = re.compile(
    r"^(?:test[_-].*|.*_(?:unit)?tests?|tests?|conftest|.*[._-](?:spec|test|e2e|cy)|.*_spec|unittest.*)\.\w+$|^[A-Z]\w*(?:Tests?|TestCase|Spec|IT)\.(?:java|kt|scala|cs|swift|groovy|php|cpp|m|fs)$"
    r"|^Test[A-Z]\w*\.(?:java|kt|cs|cpp)$"
)
DOCUMENTATION_FOLDERS = frozenset(
    "doc docs documentation javadoc man manual manpages examples-doc apidoc apidocs godoc".split()
)
DOCUMENTATION_NAMES = re.compile(
    r"^(?:readme|changelog|changes|history|news|contributing|contributors|authors|license|licence|copying|unlicense|install|"
    r"copyright|code_of_conduct|security|support|governance|maintainers|notice|todo|faq|upgrading|migration|release[_-]?notes?|"
    r"citation|thanks|credits|copying\.lesser)(?:[._-][\w.-]*)?$",
    re.IGNORECASE,
)
_CODE_ENDING = re.compile(r"\.(?:py|js|ts|jsx|tsx|java|go|rs|c|cc|cpp|h|rb|php|cs|sh|swift|kt)$", re.IGNORECASE)
CONFIGURATION_FOLDERS = frozenset(
    ".github .circleci .gitlab .vscode .idea .devcontainer .husky .buildkite .azure-pipelines .settings".split()
)
CONFIGURATION_NAMES = re.compile(
    r"^(?:dockerfile(?:\..+)?|containerfile|makefile|gnumakefile|cmakelists\.txt|jenkinsfile|procfile|vagrantfile|meson\.build|"
    r"pyproject\.toml|setup\.(?:cfg|py)|tox\.ini|pytest\.ini|mypy\.ini|noxfile\.py|ruff\.toml|manifest\.in|package\.json|bower\.json|"
    r"composer\.json|cargo\.toml|go\.mod|pom\.xml|build\.(?:gradle|sbt|xml)|build\.gradle\.kts|settings\.gradle(?:\.kts)?|"
    r"gradle\.properties|tsconfig(?:\.\w+)?\.json|jsconfig\.json|requirements[\w.-]*\.(?:txt|in)|pipfile|gemfile|rakefile|lerna\.json|"
    r"(?:docker-)?compose(?:\.[\w-]+)?\.ya?ml|(?:webpack|rollup|vite|vitest|jest|babel|eslint|postcss|tailwind|karma|next|nuxt|"
    r"svelte|cypress|playwright|prettier|tsup|commitlint|stylelint)\.(?:config|conf)(?:\.[\w-]+)?\.(?:js|cjs|mjs|ts|mts|json)|"
    r"gruntfile\.js|gulpfile\.js|environment\.ya?ml|appveyor\.yml|codecov\.yml|renovate\.json|\.[\w.-]+rc(?:\.\w+)?|\.[\w-]+\.(?:ya?ml|json|toml|cfg|cjs|js)|"
    r"\.(?:gitignore|gitattributes|gitmodules|editorconfig|dockerignore|npmignore|env[\w.]*|flake8|coveragerc|mailmap|nvmrc|"
    r"python-version|clang-format|clang-tidy|prettierignore|eslintignore|tool-versions|htaccess))$",
    re.IGNORECASE,
)
CONFIGURATION_LANGUAGES = frozenset(
    "ini|toml|editorconfig|java properties|dotenv|ignore list|git attributes|git config|nginx|apacheconf|hocon|npm config|xml property list|"
    "json with comments|pip requirements|go module|go workspace|maven pom|gradle|gradle kotlin dsl|dockerfile|hcl".split(
        "|"
    )
)
DATA_LANGUAGES = frozenset(
    "csv|tsv|json|jsonld|json5|geojson|xml|yaml|svg|gettext catalog|subrip text|webvtt|wavefront object|stl|turtle|conll-u|"
    "xml property list|unity3d asset|edn|g-code|gerber image|kicad layout|kicad schematic|eagle|pov-ray sdl|e-mail|diff|"
    "protocol buffer text format|web ontology language|x pixmap|postscript|jupyter notebook".split("|")
)

# -- by the text -------------------------------------------------------------------------------------------------

GENERATED_NAMES = re.compile(
    r"(?:_pb2(?:_grpc)?\.pyi?|\.pb\.(?:go|cc|h|gw\.go)|\.pb-c\.[ch]|_pb\.(?:js|ts|d\.ts|rb)|\.g\.(?:dart|cs|i?\.cs)|\.freezed\.dart|\.designer\.(?:cs|vb)|"
    r"\.generated\.\w+|_generated\.\w+|\.gen\.(?:go|ts|rs)|zz_generated\.[\w.]+|_string\.go|bindata\.go|\.nib|\.xcworkspacedata|\.xcuserstate|"
    r"\.min\.(?:js|css)\.map|\.(?:js|css|ts|mjs|cjs)\.map|parsetab\.py|lextab\.py|\.tab\.[ch]|\.yy\.c|moc_\w+\.cpp|ui_\w+\.h|qrc_\w+\.cpp|"
    r"\.swagger\.json|aclocal\.m4|__generated__|\.snap|_wrap\.(?:c|cxx|cpp))$",
    re.IGNORECASE,
)
GENERATED_FOLDERS = frozenset("__generated__ generated autogen auto_generated gen-src __snapshots__ .generated".split())
# What generators write at the top. It must begin a comment: prose about generating, and code that writes such a line, do not.
_COMMENT = r"^[ \t]*(?://+|/?\*+!?|#+|--+|;+|%+|<!--|\"\"\"|'''|\(\*|rem\b|\.\\\")[-=*!#\s]*"
_SUBJECT = r"(?:(?:this|the)\s+)?(?:[\w.\-/]+\s+){0,3}?(?:(?:is|was|has been|were)\s+)?"
GENERATED_TEXT = re.compile(
    rf"{_COMMENT}(?:[^\n]{{0,80}}@generated\b|{_SUBJECT}(?:auto(?:matically|[- ]?)[- ]?generated\b|(?:machine[- ])generated\b)"
    rf"|(?:(?:this|the)\s+)?(?:(?:file|code|module|source|header|class|script|parser|[\w-]+\.\w+)\s+)?(?:(?:is|was|has been)\s+)?"
    rf"generated\s+(?:automatically|by|from|using|with|on|at|file|code)\b"
    rf"|[^\n]{{0,60}}\bdo not (?:edit|modify|change)(?:[ \t]+(?:this (?:file|code)|by hand|manually|directly)|[ \t]*[!.:*-]|[ \t]*$))",
    re.IGNORECASE | re.MULTILINE,
)
_NOT_GENERATED = re.compile(
    r"not (?:auto\w*[- ])?generated|generated (?:by|from) (?:hand|humans?)|if (?:auto\w*[- ])?generated", re.IGNORECASE
)
HEAD = 2048  # characters in which a generator's line is looked for
MINIFIED_LANGUAGES = frozenset({"javascript", "css", "typescript", "json", "html", "less", "scss"})
_MINIFIED_NAME = re.compile(r"[.-]min\.(?:js|css|mjs|cjs|json|html)$|\.(?:bundle|chunk|pack)\.js$", re.IGNORECASE)
MINIFIED_LINE = 110  # average characters of a line above which Linguist holds JavaScript and CSS for minified
_SOURCE_MAP = re.compile(r"^/[/*][#@] source(?:Mapping)?URL=", re.MULTILINE)
DATA_SHARE = 0.8  # share of characters in literals' runs of digits, commas and quotes that makes code a table
_TABLE = re.compile(r"(?:[-+]?(?:0[xX][0-9a-fA-F]+|\d[\d.eExX]*)[uUlLfF]*\s*[,;|]\s*){8,}")


def tags(path: str, language: str | None, text: str) -> list[str]:
    """The tags of a file, sorted. path: with '/', from the root of its repository; language: as `language.detect` says."""
    folders, name = path.split("/")[:-1], path.rpartition("/")[2]
    lower = [folder.lower() for folder in folders]
    held = {name.lower() in LOCKS and "lock", _vendored(lower, name) and "vendored", _generated(lower, path, text) and "generated",
            minified(path, language, text) and "minified", _test(lower, name) and "test",
            _documentation(lower, name, language) and "documentation"}  # fmt: skip
    if not held & {"lock", "documentation"}:
        if _configuration(lower, name, language):
            held.add("configuration")
        elif language in DATA_LANGUAGES or (language != "text" and _is_table(text)):
            held.add("data")
    return sorted(tag for tag in held if tag)


def _vendored(folders: list[str], name: str) -> bool:
    if not VENDORED_FOLDERS.isdisjoint(folders):
        return True
    return VENDORED_NAMES.match(name.lower()) is not None


def _test(folders: list[str], name: str) -> bool:
    return not TEST_FOLDERS.isdisjoint(folders) or TEST_NAMES.match(name) is not None


def _documentation(folders: list[str], name: str, language: str | None) -> bool:
    if not DOCUMENTATION_FOLDERS.isdisjoint(folders):
        return True
    if DOCUMENTATION_NAMES.match(name) and not _CODE_ENDING.search(name):
        return True
    return language in ("markdown", "restructuredtext", "asciidoc", "roff", "texinfo", "org", "mdx", "rdoc", "pod")


def _configuration(folders: list[str], name: str, language: str | None) -> bool:
    if CONFIGURATION_NAMES.match(name) or language in CONFIGURATION_LANGUAGES:
        return True
    return not CONFIGURATION_FOLDERS.isdisjoint(folders) and language in ("yaml", "json", "xml")


def _generated(folders: list[str], path: str, text: str) -> bool:
    if GENERATED_NAMES.search(path) or not GENERATED_FOLDERS.isdisjoint(folders):
        return True
    head = text[:HEAD]
    lower = head.lower()
    if "generated" not in lower and "do not" not in lower:
        return False
    return GENERATED_TEXT.search(head) is not None and not _NOT_GENERATED.search(head)


def minified(path: str, language: str | None, text: str) -> bool:
    """Whether a text was packed by a minifier: by its name, or by its lines as Linguist does (source above)."""
    if language not in MINIFIED_LANGUAGES or language == "html":
        return False
    if _MINIFIED_NAME.search(path):
        return True
    if language == "json" or len(text) < 512:
        return False
    lines = text.count("\n") + 1
    return len(text) / lines > MINIFIED_LINE and (
        lines < 50 or len(text) / lines > 2 * MINIFIED_LINE or bool(_SOURCE_MAP.search(text[-500:]))
    )


def _is_table(text: str) -> bool:
    """Whether most of a text is rows of numbers."""
    if len(text) < 4096:
        return False
    sample = text[:2048] + text[len(text) // 2 : len(text) // 2 + 6144]
    data = sample.encode("utf-8", "replace")
    if len(data) - len(data.translate(None, b"0123456789,;")) < DATA_SHARE / 3 * len(sample):
        return False
    return sum(match.end() - match.start() for match in _TABLE.finditer(sample)) > DATA_SHARE * len(sample)
