"""The citation gate and the catalogue: what stops the suite before it starts."""

import pytest

from conformance import catalogue as catalogues
from conformance.catalogue import Catalogue, CatalogueError, Requirement
from conformance.checks import requirement, terms_of
from conformance.gate import citation_faults
from conformance.selftests.support import check
from conformance.verdicts import Level


def known(*ids: str, excluded: str = "") -> Catalogue:
    """Return a catalogue of these ids; `excluded` names one that is."""
    return Catalogue.of(
        Requirement(one, Level.MUST, "A text.", ("seed",), excluded="why" if one == excluded else None) for one in ids
    )


def nothing() -> None:
    """Do nothing."""


def test_a_suite_that_matches_its_catalogue_has_no_faults() -> None:
    """Each requirement is cited, or excluded with a reason."""
    assert citation_faults([check(nothing, "UP-01")], known("UP-01", "UP-02", excluded="UP-02")) == []


FAULTS = [
    ("an unknown clause", ("UP-99", "UP-01"), known("UP-01"), "UP-99"),
    ("an uncited requirement", ("UP-01",), known("UP-01", "UP-02"), "cited by no check"),
    ("both cited and excluded", ("UP-01",), known("UP-01", excluded="UP-01"), "drop one"),
]


@pytest.mark.parametrize(("cited", "catalogue", "said"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_each_mismatch_is_one_fault(cited: tuple[str, ...], catalogue: Catalogue, said: str) -> None:
    """A mismatch between checks and catalogue gives one line that names it."""
    faults = citation_faults([check(nothing, *cited)], catalogue)
    assert len(faults) == 1
    assert said in faults[0]


def test_only_the_clauses_asked_for_must_be_cited() -> None:
    """With --only, requirements that were not asked for need no check."""
    assert citation_faults([check(nothing, "UP-01")], known("UP-01", "UP-02"), {"UP-01"}) == []


def test_a_check_without_a_clause_is_refused() -> None:
    """@requirement() wants at least one clause."""
    with pytest.raises(TypeError, match="at least one clause"):
        requirement()


def test_an_unknown_need_is_refused() -> None:
    """A need that nobody can tell is a mistake in the check."""
    with pytest.raises(ValueError, match="patience"):
        requirement("UP-01", needs="patience")


def test_the_terms_survive_decoration() -> None:
    """What @requirement said can be read back from the function."""
    marked = requirement("UP-01", "UP-02", tier="smoke", slow=True)(nothing)
    terms = terms_of(marked)
    assert terms is not None
    assert (terms.clauses, terms.tier, terms.slow) == (("UP-01", "UP-02"), "smoke", True)


def test_the_installed_catalogue_loads() -> None:
    """The catalogue in spec/ can be read, and its families can be asked for."""
    catalogue = catalogues.load()
    assert {"UP-08", "EX-14"} <= catalogue.matching(["up", "EX-14"])


BROKEN = [
    "[[requirement]\n",
    '[[requirement]]\nid = "UP-01"\nlevel = "perhaps"\ntext = "x"\nsource = ["seed"]\n',
    '[[requirement]]\nid = "UP-01"\nlevel = "must"\n',
    "x = 1\n",
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_catalogue_says_so(text: str) -> None:
    """A catalogue that cannot be read is a CatalogueError, never a traceback of another kind."""
    with pytest.raises(CatalogueError):
        catalogues.parse(text)


def test_an_unknown_name_is_explained() -> None:
    """Asking for a clause that is not there says what would be right."""
    with pytest.raises(CatalogueError, match="such as UP-08"):
        known("UP-01").matching(["XX-01"])


def test_a_double_id_is_refused() -> None:
    """One id stands once."""
    with pytest.raises(CatalogueError, match="twice"):
        known("UP-01", "UP-01")
