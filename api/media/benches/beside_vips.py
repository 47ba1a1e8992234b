#!/usr/bin/env python3
"""Makes the previews of a 12-megapixel photo with Peegel and with libvips, in turn, each on one core.

    cargo build --release -p peegel-media --example previews
    python3 -m venv target/tools/vips
    target/tools/vips/bin/pip install 'pyvips[binary]==3.2.0' numpy Pillow
    target/tools/vips/bin/python api/media/benches/beside_vips.py [ROUNDS]

libvips makes the previews in one process in the two ways that it offers: each from the file, or the small one from the
large one, which is what Peegel does. The photo is drawn here: a scene of the fixtures at 4000 x 3000 pixels with the noise
of a sensor, at quality 90 with colours at half the size.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Before the library is loaded: one thread, as Peegel has.
os.environ["VIPS_CONCURRENCY"] = "1"

import numpy
import pyvips
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = REPOSITORY / "target/release/examples/previews"
SCENE = REPOSITORY / "fixtures/media/shelf_nurmeaken_messy.jpg"
SIZES = (1600, 320)
QUALITY = 80


def make_photo(path: Path) -> None:
    scene = Image.open(SCENE).convert("RGB").resize((4000, 3000), Image.BICUBIC)
    random = numpy.random.default_rng(1)
    noise = random.normal(0, 6, (3000, 4000, 1)) + random.normal(0, 3, (3000, 4000, 3))
    pixels = numpy.clip(numpy.asarray(scene) + noise, 0, 255).astype(numpy.uint8)
    Image.fromarray(pixels).save(path, quality=90, subsampling=2)


def each_from_the_file(path: Path) -> None:
    for size in SIZES:
        image = pyvips.Image.thumbnail(str(path), size, height=size)
        image.jpegsave_buffer(Q=QUALITY, strip=True)


def small_from_large(path: Path) -> None:
    large = pyvips.Image.thumbnail(str(path), SIZES[0], height=SIZES[0]).copy_memory()
    large.jpegsave_buffer(Q=QUALITY, strip=True)
    large.thumbnail_image(SIZES[1], height=SIZES[1]).jpegsave_buffer(Q=QUALITY, strip=True)


def milliseconds(work, path: Path) -> float:
    began = time.perf_counter()
    work(path)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    # Both on the same core.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pyvips.cache_set_max(0)
    ways = {"libvips, each from the file": each_from_the_file, "libvips, small from large": small_from_large}
    taken: dict[str, list[float]] = {"Peegel, both previews": [], "Peegel, with report and hash": []}
    taken |= {name: [] for name in ways}
    peak_kb = 0
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        make_photo(photo)
        for work in ways.values():
            work(photo)
        for _ in range(rounds):
            told = subprocess.run([PROGRAM, photo, "3"], check=True, capture_output=True, text=True)
            figures = json.loads(told.stdout)
            # The first of each is cold.
            taken["Peegel, both previews"] += figures["both_ms"][1:]
            taken["Peegel, with report and hash"] += figures["all_ms"][1:]
            peak_kb = max(peak_kb, figures["peak_kb"])
            for name, work in ways.items():
                taken[name] += [milliseconds(work, photo) for _ in range(2)]
        print(f"photo of {photo.stat().st_size / 1e6:.1f} MB, libvips {pyvips.version(0)}.{pyvips.version(1)}")
    fastest = min(statistics.median(taken[name]) for name in ways)
    for name, figures in taken.items():
        median = statistics.median(figures)
        print(f"{name:30} median {median:6.1f} ms, fastest {min(figures):6.1f}, {median / fastest:.2f} of libvips' faster way")
    print(f"Peegel held at most {peak_kb / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
