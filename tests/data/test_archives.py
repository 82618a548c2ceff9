"""A published archive is unpacked whole and as it is, or not at all, and never outside its root."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest

from mpcs_bench.data.archive_record import archive_report
from mpcs_bench.data.archives import Limits, unpack
from mpcs_bench.errors import DataError

FILES = {
    "BreaKHis_v1/README.txt": b"about",
    "BreaKHis_v1/breast/benign/a.png": bytes(range(256)) * 40,
    "BreaKHis_v1/breast/malignant/b.png": b"b" * 5000,
    "BreaKHis_v1/breast/malignant/empty.txt": b"",
}
KINDS = {".tar": "w:", ".tar.gz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz", ".zip": None}


def info(name, content=b"", **settings):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in settings.items():
        setattr(member, key, value)
    return member


def write_tar(path, *members, mode="w:", files=FILES):
    """Write files, and then members as (TarInfo, content)."""
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            tar.addfile(info(name, content), io.BytesIO(content))
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return path


def write_zip(path, *members, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*files.items(), *members]:
            archive.writestr(name, content)
    return path


def write(folder, ending, **options):
    path, mode = folder / f"BreaKHis_v1{ending}", KINDS[ending]
    return write_tar(path, mode=mode, **options) if mode else write_zip(path, **options)


def tree(root):
    """All files under `root` with their bytes."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def root(tmp_path):
    """Where archives go: a folder that is not there yet, alone in its parent."""
    return tmp_path / "data" / "breakhis"


def assert_refused(archive, root, match, **options):
    """The archive is refused, and nothing is left of the attempt: neither a file nor a folder."""
    outside = tree(root.parent.parent)
    with pytest.raises(DataError, match=match) as caught:
        unpack(archive, root, **options)
    assert not root.exists()
    assert tree(root.parent.parent) == outside
    assert not root.parent.exists() or not any(root.parent.iterdir())
    return caught.value


class TestWhole:
    @pytest.mark.parametrize("ending", KINDS)
    def test_every_file_is_unpacked_as_it_is(self, tmp_path, root, ending):
        done = unpack(write(tmp_path, ending), root)
        found = tree(root)
        assert found.pop("mpcs-bench-archive.json")
        assert found == FILES
        assert not done.already
        assert [path.name for path in root.parent.iterdir()] == [root.name]

    def test_an_empty_folder_is_filled(self, tmp_path, root):
        root.mkdir(parents=True)
        unpack(write(tmp_path, ".tar.gz"), root)
        assert (root / "BreaKHis_v1/README.txt").read_bytes() == b"about"

    def test_a_root_that_is_a_link_is_filled_behind_it(self, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "root").symlink_to("disk")
        unpack(write(tmp_path, ".zip"), tmp_path / "root")
        assert (tmp_path / "disk/BreaKHis_v1/README.txt").is_file()

    def test_what_macos_adds_is_left_out_and_recorded(self, tmp_path, root):
        added = {"__MACOSX/x/._a.png": b"1", "BreaKHis_v1/._b.png": b"2", "x/.DS_Store": b"3"}
        done = unpack(write(tmp_path, ".zip", files=FILES | added), root)
        assert set(done.record.left_out) == set(added)
        assert set(tree(root)) == {*FILES, "mpcs-bench-archive.json"}

    def test_links_to_files_of_the_archive_are_kept(self, tmp_path, root):
        members = [
            (info("BreaKHis_v1/soft.txt", type=tarfile.SYMTYPE, linkname="README.txt"), b""),
            (info("x/up.txt", type=tarfile.SYMTYPE, linkname="../BreaKHis_v1/README.txt"), b""),
            (info("hard.txt", type=tarfile.LNKTYPE, linkname="BreaKHis_v1/README.txt"), b""),
        ]
        unpack(write_tar(tmp_path / "a.tar", *members), root)
        for name in ("BreaKHis_v1/soft.txt", "x/up.txt", "hard.txt"):
            assert (root / name).read_bytes() == b"about"
        assert archive_report(root).ok

    def test_a_file_that_stands_twice_and_is_the_same_does_no_harm(self, tmp_path, root):
        again = (info("BreaKHis_v1/README.txt", b"about"), b"about")
        assert len(unpack(write_tar(tmp_path / "a.tar", again), root).record.files) == len(FILES)

    def test_files_get_the_users_permissions_and_not_the_archives(self, tmp_path, root):
        member = info("run.sh", b"x", mode=0o6777)
        unpack(write_tar(tmp_path / "a.tar", (member, b"x")), root)
        assert (root / "run.sh").stat().st_mode & 0o7111 == 0

    def test_progress_reaches_the_end(self, tmp_path, root):
        told = []
        unpack(write(tmp_path, ".tar.gz"), root, lambda done, total: told.append((done, total)))
        assert told == sorted(told)
        assert told[-1][0] == told[-1][1] == 2 * (tmp_path / "BreaKHis_v1.tar.gz").stat().st_size


class TestRecord:
    @pytest.fixture
    def unpacked(self, tmp_path, root):
        return unpack(write(tmp_path, ".tar.gz"), root)

    def test_it_names_the_archive_and_every_file_by_checksum(self, tmp_path, root, unpacked):
        record = json.loads((root / "mpcs-bench-archive.json").read_text())
        packed = (tmp_path / "BreaKHis_v1.tar.gz").read_bytes()
        assert record["archive"] == {
            "name": "BreaKHis_v1.tar.gz",
            "sha256": hashlib.sha256(packed).hexdigest(),
            "size": len(packed),
        }
        assert record["files"] == {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in FILES.items()
        }

    def test_the_same_archive_again_changes_nothing(self, tmp_path, root, unpacked):
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
        (tmp_path / "BreaKHis_v1.tar.gz").rename(tmp_path / "renamed.tar.gz")
        again = unpack(tmp_path / "renamed.tar.gz", root)
        assert again.already
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before

    def test_another_archive_is_not_unpacked_over_it(self, tmp_path, root, unpacked):
        before = tree(root)
        with pytest.raises(DataError, match=r"was unpacked from 'BreaKHis_v1\.tar\.gz'"):
            unpack(write(tmp_path, ".zip"), root)
        assert tree(root) == before

    def test_a_folder_with_other_things_is_left_alone(self, tmp_path, root):
        root.mkdir(parents=True)
        (root / "mine.txt").write_text("mine")
        with pytest.raises(DataError, match="is not empty"):
            unpack(write(tmp_path, ".zip"), root)
        assert tree(root) == {"mine.txt": b"mine"}

    def test_a_file_in_the_roots_place_is_left_alone(self, tmp_path, root):
        root.parent.mkdir()
        root.write_text("mine")
        with pytest.raises(DataError, match="is a file"):
            unpack(write(tmp_path, ".zip"), root)
        assert root.read_text() == "mine"

    def test_the_same_archive_over_a_folder_that_lost_files_says_so(self, tmp_path, root, unpacked):
        (root / "BreaKHis_v1/breast/benign/a.png").unlink()
        with pytest.raises(DataError, match=r"1 of 4 files are missing .*benign/a\.png"):
            unpack(tmp_path / "BreaKHis_v1.tar.gz", root)

    def test_missing_and_changed_files_are_found(self, root, unpacked):
        assert archive_report(root).ok
        (root / "BreaKHis_v1/README.txt").unlink()
        benign = root / "BreaKHis_v1/breast/benign/a.png"
        benign.write_bytes(benign.read_bytes()[::-1])
        (root / "BreaKHis_v1/breast/malignant/b.png").write_bytes(b"shorter")
        report = archive_report(root, workers=2)
        assert report.missing == ("BreaKHis_v1/README.txt",)
        assert report.changed == (
            "BreaKHis_v1/breast/benign/a.png",
            "BreaKHis_v1/breast/malignant/b.png",
        )
        assert not report.ok

    def test_files_that_came_later_do_not_count(self, root, unpacked):
        (root / "folds").mkdir()
        (root / "folds/dsfold1.txt").write_text("mine")
        assert archive_report(root).ok

    def test_a_folder_inside_is_checked_with_the_whole(self, root, unpacked):
        assert archive_report(root / "BreaKHis_v1" / "breast").files == len(FILES)

    def test_a_folder_that_was_not_unpacked_has_no_report(self, tmp_path):
        assert archive_report(tmp_path) is None

    def test_a_damaged_record_is_named(self, root, unpacked):
        (root / "mpcs-bench-archive.json").write_text("{}")
        with pytest.raises(DataError, match=r"cannot be read: .*mpcs-bench-archive\.json"):
            archive_report(root)


HOSTILE_NAMES = {
    "upwards": ("../evil.txt", "upwards|outside"),
    "upwards within": ("a/../../evil.txt", "upwards|outside"),
    "to and fro": ("a/../evil.txt", "upwards"),
    "absolute": ("/tmp/mpcs-bench-evil.txt", "absolute"),
    "a drive": ("C:/evil.txt", "absolute"),
    "backslashes": ("..\\evil.txt", "backslash"),
    "a line break": ("two\nlines.txt", "control character"),
    "the record's own name": ("mpcs-bench-archive.json", "writes a file of this name itself"),
    "other case": ("breakhis_v1/readme.TXT", "only in case"),
    "other accents": ("BreaKHis_v1/README.TXT", "only in case"),
    "a file that is a folder": ("BreaKHis_v1/breast", "both a file and a folder"),
    "a folder that is a file": ("BreaKHis_v1/README.txt/x", "both a file and a folder"),
    "another content": ("BreaKHis_v1/README.txt", "two different"),
}


class TestHostile:
    @pytest.mark.parametrize("ending", [".tar.gz", ".zip"])
    @pytest.mark.parametrize(("name", "reason"), HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
    def test_names(self, tmp_path, root, ending, name, reason):
        path = tmp_path / f"evil{ending}"
        if ending == ".zip":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # zipfile's own, of a name that stands twice
                write_zip(path, (name, b"evil"))
        else:
            write_tar(path, (info(name, b"evil"), b"evil"), mode="w:gz")
        error = assert_refused(path, root, reason)
        assert path.name in error.message
        assert not Path("/tmp/mpcs-bench-evil.txt").exists()

    def test_accents_that_are_written_in_two_ways(self, tmp_path, root):
        files = {"caf\u00e9.png": b"1", "cafe\u0301.png": b"2"}
        assert_refused(write(tmp_path, ".tar", files=files), root, "only in case or accents")

    def test_a_name_that_is_not_utf8(self, tmp_path, root):
        path = tmp_path / "evil.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT, encoding="latin-1") as tar:
            tar.addfile(info("caf\u00e9.png", b"x"), io.BytesIO(b"x"))
        assert_refused(path, root, "not UTF-8")

    @pytest.mark.parametrize(
        ("kind", "target"),
        [
            (tarfile.SYMTYPE, "/etc/passwd"),
            (tarfile.SYMTYPE, "../../outside.txt"),
            (tarfile.SYMTYPE, "../.."),
            (tarfile.SYMTYPE, "."),
            (tarfile.SYMTYPE, "not-there.txt"),
            (tarfile.LNKTYPE, "/etc/passwd"),
            (tarfile.LNKTYPE, "../../../outside.txt"),
            (tarfile.LNKTYPE, "not-there.txt"),
        ],
    )
    def test_links_out_of_the_archive(self, tmp_path, root, kind, target):
        (tmp_path / "outside.txt").write_text("secret")
        member = info("BreaKHis_v1/link", type=kind, linkname=target)
        assert_refused(write_tar(tmp_path / "evil.tar", (member, b"")), root, "link")

    def test_a_file_that_would_be_written_through_a_link(self, tmp_path, root):
        members = [
            (info("door", type=tarfile.SYMTYPE, linkname=str(tmp_path)), b""),
            (info("door/evil.txt", b"evil"), b"evil"),
        ]
        assert_refused(write_tar(tmp_path / "evil.tar", *members), root, "link|both a file")
        assert not (tmp_path / "evil.txt").exists()

    def test_a_link_in_a_zip(self, tmp_path, root):
        link = zipfile.ZipInfo("BreaKHis_v1/link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
            archive.writestr(link, "/etc/passwd")
        assert_refused(tmp_path / "evil.zip", root, "link to '/etc/passwd'")

    @pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
    def test_devices(self, tmp_path, root, kind):
        member = info("dev", type=kind, devmajor=1, devminor=3)
        assert_refused(write_tar(tmp_path / "evil.tar", (member, b"")), root, "device")

    @pytest.mark.parametrize("ending", [".tar.gz", ".tar.xz", ".zip"])
    def test_a_bomb(self, tmp_path, root, ending):
        files = {f"{i}.bin": bytes(2_000_000) for i in range(4)}
        path = write(tmp_path, ending, files=files)
        assert_refused(path, root, "made to fill a disk", limits=Limits(always=5_000_000))
        unpack(path, root)  # few bytes are no bomb, however well they compress

    def test_more_than_the_disk_holds(self, tmp_path, root):
        path = tmp_path / "evil.tar"
        path.write_bytes(info("big.bin", size=1 << 50).tobuf())
        assert_refused(path, root, "No space .* GB are free")

    def test_too_many_files(self, tmp_path, root):
        path = write(tmp_path, ".tar")
        assert_refused(path, root, "in 4 files", limits=Limits(members=3))

    def test_endless_padding(self, tmp_path, root):
        path = write(tmp_path, ".tar")
        padded = gzip.compress(path.read_bytes() + bytes(40 << 20), 1)
        path.with_suffix(".tar.gz").write_bytes(padded)
        assert_refused(path.with_suffix(".tar.gz"), root, "stand between two files")


class TestDamaged:
    @pytest.mark.parametrize("ending", KINDS)
    def test_cut_off_anywhere(self, tmp_path, root, ending):
        path = write(tmp_path, ending)
        whole = path.read_bytes()
        # a tar ends in 512 zeros or more: what lacks some of them is still whole
        end = len(whole.rstrip(b"\0")) if ending == ".tar" else len(whole) - 1
        for kept in (0, 1, 300, end // 3, end // 2, end):
            path.write_bytes(whole[:kept])
            assert_refused(path, root, "cut off, damaged or no archive")

    @pytest.mark.parametrize("ending", KINDS)
    def test_a_byte_that_is_another(self, tmp_path, root, ending):
        path = write(tmp_path, ending)
        data = bytearray(path.read_bytes())
        place = 512 + 512 + 20 if ending == ".tar" else len(data) // 2  # the second header
        data[place] ^= 0xFF
        path.write_bytes(data)
        assert_refused(path, root, "cut off, damaged or no archive")

    def test_a_second_archive_behind_the_first(self, tmp_path, root):
        path = write(tmp_path, ".tar")
        path.write_bytes(path.read_bytes() * 2)
        assert_refused(path, root, "behind its end")

    @pytest.mark.parametrize("content", [b"Rar!\x1a\x07\x00" + bytes(2000), b"<html>not found"])
    def test_another_format(self, tmp_path, root, content):
        path = tmp_path / "a.tar.gz"
        path.write_bytes(content)
        error = assert_refused(path, root, "no archive")
        assert ".zip" in str(error.hint)

    @pytest.mark.parametrize("ending", [".tar", ".zip"])
    def test_no_files(self, tmp_path, root, ending):
        assert_refused(write(tmp_path, ending, files={}), root, "holds no files")

    def test_not_there(self, tmp_path, root):
        assert_refused(tmp_path / "gone.zip", root, r"no archive .*gone\.zip")

    def test_a_folder(self, tmp_path, root):
        assert_refused(tmp_path, root, "Is a directory")


class TestInterrupted:
    def test_nothing_is_left(self, tmp_path, root):
        def stop(done, total):
            if done > total // 2:
                raise KeyboardInterrupt

        path = write(tmp_path, ".tar.gz")
        with pytest.raises(KeyboardInterrupt):
            unpack(path, root, stop)
        assert list(root.parent.iterdir()) == []

    def test_what_a_killed_process_left_goes_with_the_next(self, tmp_path, root):
        path = write(tmp_path, ".tar.gz")
        code = (
            "import os, sys\nfrom pathlib import Path\n"
            "from mpcs_bench.data.archives import unpack\n"
            "stop = lambda done, total: done > total // 2 and os._exit(9)\n"
            "unpack(Path(sys.argv[1]), Path(sys.argv[2]), stop)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path), str(root)], check=False)
        assert done.returncode == 9
        assert not root.exists()
        assert len(list(root.parent.iterdir())) == 1
        unpack(path, root)
        assert [item.name for item in root.parent.iterdir()] == [root.name]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_parent_that_cannot_be_written(self, tmp_path, root):
        root.parent.mkdir(mode=0o500)
        with pytest.raises(DataError, match="Cannot unpack into"):
            unpack(write(tmp_path, ".zip"), root)
