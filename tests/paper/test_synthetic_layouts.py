"""Drawn tissue in the layouts of BACH and UCSB: names, classes, stains, parameters."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from mpcs_bench.data.index_build import build_index
from mpcs_bench.errors import DataError
from mpcs_bench.registry import Dataset, entry_for
from mpcs_bench.registry.suite import check
from mpcs_paper.datasets.bach import BACH, BACHParams
from mpcs_paper.datasets.synthetic_bach import SyntheticBACH, SyntheticBACHParams
from mpcs_paper.datasets.synthetic_ucsb import SyntheticUCSB, SyntheticUCSBParams
from mpcs_paper.datasets.ucsb import UCSB, UCSBParams
from mpcs_paper.tissue.diagnosis import BACH as BACH_TISSUE
from mpcs_paper.tissue.diagnosis import UCSB as UCSB_TISSUE
from mpcs_paper.tissue.diagnosis import Donor
from mpcs_paper.tissue.layout import Layout, lay_out
from mpcs_paper.tissue.nuclei import EPITHELIAL
from mpcs_paper.tissue.profile import sample_profile
from mpcs_paper.tissue.stain import sample_stain

BACH_TINY = {"images": 2, "width": 64, "height": 48, "patch": 16}
UCSB_TINY = {"benign": 7, "malignant": 4, "spots": 3, "width": 56, "height": 48, "patch": 14}
KINDS = ["bach", "ucsb"]
PHOTOS = "ICIAR2018_BACH_Challenge/Photos"


def synthetic(kind: str, **changes: object) -> SyntheticBACH | SyntheticUCSB:
    if kind == "bach":
        return SyntheticBACH(SyntheticBACHParams(**{**BACH_TINY, **changes}))
    return SyntheticUCSB(SyntheticUCSBParams(**{**UCSB_TINY, **changes}))


def contents(root: Path) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def images(root: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(root).items() if name.endswith(".tif")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    roots = {kind: tmp_path_factory.mktemp(kind) / "root" for kind in KINDS}
    for kind, root in roots.items():
        synthetic(kind).generate(root, workers=1)
    return roots


def test_bach_has_its_folders_its_names_and_its_ground_truth(drawn: dict[str, Path]) -> None:
    names = {
        f"{folder}/{code}{number:03d}.tif"
        for folder, code in (("Normal", "n"), ("Benign", "b"), ("InSitu", "is"), ("Invasive", "iv"))
        for number in (1, 2)
    }
    assert set(images(drawn["bach"])) == {f"{PHOTOS}/{name}" for name in names}
    truth = (drawn["bach"] / PHOTOS / "microscopy_ground_truth.csv").read_text()
    assert truth.splitlines()[:3] == ["n001.tif,Normal", "n002.tif,Normal", "b001.tif,Benign"]


def test_ucsb_deals_its_images_over_spots_of_both_classes_and_one_benign(
    drawn: dict[str, Path],
) -> None:
    found = defaultdict(Counter)
    for sample in UCSB(UCSBParams(patch=None)).scan(drawn["ucsb"]).samples:
        found[sample.groups["spot"]][sample.label] += 1
    assert [dict(classes) for classes in found.values()] == [
        {"benign": 3, "malignant": 2},
        {"benign": 2, "malignant": 2},
        {"benign": 2},
    ]


@pytest.mark.parametrize(
    ("kind", "real", "patches"),
    [
        ("bach", BACH(BACHParams(patch=16)), 8 * 12),
        ("ucsb", UCSB(UCSBParams(patch=14)), 11 * 16),
    ],
    ids=KINDS,
)
def test_the_real_plugin_reads_the_same_without_a_complaint(
    kind: str, real: Dataset, patches: int, drawn: dict[str, Path]
) -> None:
    scan = real.scan(drawn[kind])
    assert scan == synthetic(kind).scan(drawn[kind])
    assert (len(scan.samples), scan.rejected) == (patches, [])


@pytest.mark.parametrize(("kind", "real"), [("bach", BACH), ("ucsb", UCSB)], ids=KINDS)
def test_classes_groups_and_levels_are_the_real_ones(kind: str, real: type[Dataset]) -> None:
    for fact in ("classes", "magnifications", "group_columns", "default_group", "metric_levels"):
        assert getattr(synthetic(kind), fact) == getattr(real, fact)


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_can_be_decoded_and_no_two_are_alike(
    kind: str, drawn: dict[str, Path], tmp_path: Path
) -> None:
    index = build_index(synthetic(kind, patch=None), drawn[kind], tmp_path, workers=1)
    size = (synthetic(kind).params.width, synthetic(kind).params.height)
    assert {(row.width, row.height) for row in index.frame.itertuples()} == {size}
    assert index.frame["pixel_hash"].is_unique


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_depend_on_the_parameters_alone(
    kind: str, drawn: dict[str, Path], tmp_path: Path
) -> None:
    synthetic(kind).generate(tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(drawn[kind])


@pytest.mark.parametrize(
    ("kind", "more"),
    [("bach", {"images": 3}), ("ucsb", {"benign": 9, "malignant": 6})],
    ids=KINDS,
)
def test_more_images_change_none_of_the_others(
    kind: str, more: dict[str, int], drawn: dict[str, Path], tmp_path: Path
) -> None:
    synthetic(kind, **more).generate(tmp_path / "more", workers=1)
    assert images(drawn[kind]).items() < images(tmp_path / "more").items()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"separation": 0.2}, {"stain_variation": 0.5}, {"pitch": 0.3}]
)
def test_every_parameter_of_the_tissue_changes_every_image(
    kind: str, change: dict[str, object], drawn: dict[str, Path], tmp_path: Path
) -> None:
    synthetic(kind, **change).generate(tmp_path / "other", workers=1)
    other = images(tmp_path / "other")
    assert set(other) == set(images(drawn[kind]))
    assert not set(other.values()) & set(images(drawn[kind]).values())


@pytest.mark.parametrize(
    ("kind", "reading", "patches"),
    [
        ("bach", {"overlap": 0.5}, 8 * 35),
        ("bach", {"patch": None}, 8),
        ("ucsb", {"layout": "floor"}, 11 * 12),
    ],
)
def test_one_drawn_data_set_can_be_cut_in_many_ways(
    kind: str, reading: dict[str, object], patches: int, drawn: dict[str, Path]
) -> None:
    assert len(synthetic(kind, **reading).scan(drawn[kind]).samples) == patches


@pytest.mark.parametrize("kind", KINDS)
def test_data_drawn_with_other_parameters_are_not_taken_for_these(
    kind: str, drawn: dict[str, Path]
) -> None:
    with pytest.raises(DataError, match=r"separation is 0\.6, asked for 0\.3"):
        synthetic(kind, separation=0.3).scan(drawn[kind])


def test_one_layout_is_not_taken_for_the_other(drawn: dict[str, Path]) -> None:
    with pytest.raises(DataError, match="dataset is 'synthetic-bach', asked for 'synthetic-ucsb'"):
        synthetic("ucsb").scan(drawn["bach"])


def test_images_of_a_spot_share_its_stain_whatever_their_class() -> None:
    spots = defaultdict(list)
    for specimen in synthetic("ucsb", benign=40, malignant=36, spots=10).specimens():
        stain = sample_stain(0, specimen.subject, specimen.sample, 1.0)
        spots[specimen.subject.key].append(stain.dyes)
    assert {len(stains) for stains in spots.values()} == {4, 8}
    within = np.mean([np.std(stains, axis=0) for stains in spots.values()])
    between = np.std([np.mean(stains, axis=0) for stains in spots.values()], axis=0).mean()
    assert between > 2 * within


def test_images_of_bach_have_stains_of_their_own() -> None:
    keys = [specimen.subject.key for specimen in synthetic("bach").specimens()]
    assert len(set(keys)) == len(keys) == 8


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("bach", {"images": 0}),
        ("bach", {"images": 1000}),
        ("bach", {"width": 2049}),
        ("bach", {"overlap": 1.0}),
        ("ucsb", {"spots": 1}),
        ("ucsb", {"benign": 2}),
        ("ucsb", {"malignant": 1}),
        ("ucsb", {"overlap": 0.5}),
    ],
)
def test_parameters_out_of_range_are_rejected(kind: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        synthetic(kind, **wrong)


def laid_out(label: str, number: int) -> Layout:
    donor = Donor(f"image={label}{number}", BACH_TISSUE[label])
    return lay_out(0, donor, 1, separation=0.6, pitch_40x=2.1, sensor=(2048, 1536), widest=200)


@pytest.fixture(scope="module")
def layouts() -> dict[str, list[Layout]]:
    return {label: [laid_out(label, n) for n in range(8)] for label in BACH.classes}


def mean(layouts: list[Layout], feature) -> float:
    return float(np.mean([feature(layout) for layout in layouts]))


def nuclear_radius(layout: Layout) -> float:
    nuclei = layout.nuclei.take(layout.nuclei.kind == EPITHELIAL)
    return float(np.sqrt(nuclei.semi.prod(axis=1)).mean())


def gland_reach(layout: Layout) -> float:
    return float(np.mean([gland.reach for gland in layout.glands]))


def strayed(layout: Layout) -> float:
    """Part of the field's epithelial nuclei that lies away from every gland."""
    xy = layout.nuclei.xy[layout.nuclei.kind == EPITHELIAL]
    xy = xy[(np.abs(xy) < np.array(layout.world.field) / 2).all(axis=1)]
    return float((layout.ground.distance[layout.world.cells(xy)] > 5.0).mean())


def test_cells_are_atypical_in_the_two_carcinomas_alone(layouts: dict[str, list[Layout]]) -> None:
    radius = {label: mean(found, nuclear_radius) for label, found in layouts.items()}
    orderly, wild = ("normal", "benign"), ("in-situ", "invasive")
    assert min(radius[label] for label in wild) > 1.1 * max(radius[label] for label in orderly)


def test_normal_tissue_has_the_fewest_glandular_cells(layouts: dict[str, list[Layout]]) -> None:
    cells = {
        label: mean(found, lambda layout: (layout.nuclei.kind == EPITHELIAL).sum())
        for label, found in layouts.items()
    }
    assert 1.5 * cells["normal"] < min(cells[label] for label in BACH.classes[1:])


def test_atypical_cells_stay_in_large_ducts_in_situ_and_stray_from_nests_when_invasive(
    layouts: dict[str, list[Layout]],
) -> None:
    stray = {label: mean(found, strayed) for label, found in layouts.items()}
    assert stray["in-situ"] < 0.02
    assert stray["invasive"] > 0.1
    reach = {label: mean(found, gland_reach) for label, found in layouts.items()}
    assert reach["in-situ"] > 1.5 * reach["invasive"]


@pytest.mark.parametrize("tissue", [BACH_TISSUE, UCSB_TISSUE], ids=KINDS)
def test_at_no_separation_all_classes_are_alike(tissue) -> None:
    profiles = [sample_profile(0, Donor("one", diagnosis), 1, 0.0) for diagnosis in tissue.values()]
    assert all(profile == profiles[0] for profile in profiles)


@pytest.mark.parametrize(
    ("cls", "params"), [(SyntheticBACH, BACH_TINY), (SyntheticUCSB, UCSB_TINY)], ids=KINDS
)
def test_they_keep_the_contract(cls: type[Dataset], params: dict[str, int]) -> None:
    assert [result for result in check(entry_for(cls), params=params) if not result.passed] == []
