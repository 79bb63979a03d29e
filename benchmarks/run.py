"""One run: the studies in order, and their files."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from . import results
from .codecs import Codec, available
from .codecs.ours import model_id
from .measures import anchors, bdrate, embedding, quality
from .measures.cost import cost
from .measures.curves import Curve, curves_on_pictures, set_curve, summarise
from .measures.environment import environment, this_command
from .measures.quality import single_threaded
from .measures.verify import VerificationError, verify
from .pictures import Dataset, read_folder
from .progress import bar, say
from .studies import lossless, rd, scale
from .studies.gallery import Plan
from .studies.gallery import plan as plan_page

OF_A_SET = ("rd", "cost", "lossless")  # studies that are made for each set of pictures


def run(args, argv: list[str]) -> int:
    """Everything ``args`` asks for. Returns the exit code."""
    start = time.perf_counter()
    out = Path(args.out)
    folders = [read_folder(folder) for folder in args.dirs]
    if twice := [name for name, count in Counter(folder.name for folder in folders).items() if count > 1]:
        raise ValueError(f"two sets are called {twice[0]}, and results go by that name: rename a folder")
    datasets = [dataset.spread(args.pictures) for dataset in folders]
    env = environment(this_command(argv), args.threads, args.workers, args.repeats, args.timed)
    measuring = args.studies - {"report"}
    lossy, exact = {}, {}
    if measuring:
        lossy, env["not_measured"] = _ready("lossy", args, datasets[0])
        exact, missing = _ready("lossless", args, datasets[0])
        env["not_measured"].update(missing)
        if "rd" in args.studies:
            for measure, why in quality.missing().items():
                say(f"not measured: {measure} ({why})")
                env["not_measured"][measure] = why
        env["model_id"] = model_id(args.api)
    page = plan_page(sum(len(dataset.pictures) for dataset in datasets), args.page_mib)
    with ProcessPoolExecutor(args.workers, get_context("spawn"), single_threaded) as pool:
        for order, (dataset, whole) in enumerate(zip(datasets, folders, strict=True)):
            if args.studies & set(OF_A_SET):
                place = {"order": order, "pictures_in_set": len(whole.pictures)}
                _measure_set(dataset, place, lossy, exact, env, args, out, pool, page)
        if "scale" in args.studies:
            _scale(datasets[0], lossy, env, args, out)
        if "report" in args.studies:
            from .report.page import write_report  # jinja2, only for this

            path = write_report(out, datasets, args.api, page, pool)
            say(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)")
    say(f"done in {(time.perf_counter() - start) / 60:.1f} minutes")
    return 0


def _ready(kind: str, args, dataset: Dataset) -> tuple[dict[str, Codec], dict[str, str]]:
    """Codecs that are wanted, installed and have passed verification; reasons for the rest."""
    ready, missing = available(kind, args.api)
    if args.wanted is not None:
        ready = {key: codec for key, codec in ready.items() if key in args.wanted}
        missing = {key: why for key, why in missing.items() if key in args.wanted}
    pixels = dataset.pictures[0].pixels()
    for key, codec in list(ready.items()):
        try:
            verify(codec, pixels, args.threads)
        except VerificationError as error:
            missing[key] = f"failed verification: {error}"
            del ready[key]
    for key, why in missing.items():
        say(f"not measured: {key} ({why})")
    return ready, missing


def _measure_set(dataset, place, lossy, exact, env, args, out: Path, pool, plan: Plan) -> None:
    """The studies of one set of pictures; what an earlier run measured is kept."""
    folder = out / dataset.name
    try:
        summary = next((s for s in results.read_summaries(out) if s["dataset"] == dataset.name), {})
    except FileNotFoundError:
        summary = {}
    summary |= {"dataset": dataset.name, **place, "pictures": [picture.name for picture in dataset.pictures]}
    if "rd" in args.studies or "env" not in summary:
        summary["env"] = env
    made = {key: env[key] for key in ("command", "date", "git_commit", "model_id")} | {"cpu": env["machine"]["cpu"]}
    summary["made"] = summary.get("made", {}) | {study: made for study in OF_A_SET if study in args.studies}
    if "rd" in args.studies and lossy:
        rows = rd.measure_dataset(
            dataset,
            list(lossy.values()),
            n_settings=args.settings,
            n_timed=args.timed,
            threads=args.threads,
            repeats=args.repeats,
            budget_s=args.budget,
            api=args.api,
            pool=pool,
            workers=args.workers,
            plan=plan,
            journal=folder / "journal.jsonl",
        )
        rows = [
            {k: v for k, v in row.items() if k not in ("shown", "on_curve", "pixels")}
            for row in rows
            if row["on_curve"]
        ]
        for key, codec in lossy.items():
            own = [row for row in rows if row["codec"] == key]
            results.write_json(
                folder / f"{key}.json", results.compressai(codec, summarise(own), own, dataset.name, env)
            )
        summary.update(rate_distortion(dataset, rows, lossy, args.anchors, folder))
    if "cost" in args.studies and lossy:
        summary["cost"] = _costs(dataset, lossy, args)
        results.write_csv(folder / "cost.csv", summary["cost"])
    if "lossless" in args.studies and exact:
        rows = lossless.measure(
            dataset,
            list(exact.values()),
            n_timed=args.timed,
            threads=args.threads,
            repeats=args.repeats,
            budget_s=args.budget,
            api=args.api,
            pool=pool,
        )
        summary["lossless"] = lossless.summarise(rows, list(exact.values()))
        results.write_csv(folder / "lossless.csv", rows)
        for line in summary["lossless"]:
            say(f"{dataset.name}: {line['name']:16s} {line['bpsp']:.3f} bits per sub-pixel, lossless")
    results.write_json(folder / "summary.json", summary)


def rate_distortion(dataset, rows, codecs: dict[str, Codec], anchor_root, folder: Path) -> dict:
    """Curves, BD-rates and the price of embedding from ``rows``; writes the set's files."""
    by_codec = {key: [row for row in rows if row["codec"] == key] for key in codecs}
    lines = {key: summarise(group) for key, group in by_codec.items()}
    measured = [set_curve(key, codec.name, by_codec[key], codec.ours) for key, codec in codecs.items()]
    published = _published(anchor_root, dataset.name)
    bd = bdrate.over_set(measured, measured + published)
    ours = [key for key, codec in codecs.items() if codec.ours] or list(codecs)[:1]
    bd += bdrate.mean_of_pictures(bdrate.per_picture(curves_on_pictures(by_codec), ours))

    results.write_csv(folder / "rows.csv", rows)
    results.write_csv(
        folder / "summary.csv", [{"codec": key, **line} for key, group in lines.items() for line in group]
    )
    results.write_csv(folder / "bd_rate.csv", [result.row() for result in bd])
    summary = {
        "codecs": {
            key: {"name": codec.name, "description": codec.description, "ours": codec.ours}
            for key, codec in codecs.items()
        },
        "lines": lines,
        "measured": [results.curve_to_json(curve) for curve in measured],
        "published": [results.curve_to_json(curve) for curve in published],
        "featured": [curve.key for curve in anchors.featured(published)],
        "bd_method": bdrate.METHOD,
        "bd_rate": [result.row() for result in bd],
    }
    both = {curve.key: curve for curve in measured}
    if {"ours", "ours-embedded"} <= set(both):
        pair = both["ours-embedded"], both["ours"]
        summary["embedding"] = {
            "bd_rate": [r.row() for r in embedding.price(*pair)],
            "levels": embedding.price_per_level(*pair),
        }
    _say_bd(dataset.name, bd, both)
    return summary


def _published(anchor_root, dataset: str) -> list[Curve]:
    if not anchor_root:
        return []
    folder = anchors.folder_for(anchor_root, dataset)
    if folder is None:
        say(f"{dataset}: no published curves for this set in {anchor_root}")
        return []
    curves = anchors.read_folder(folder)
    say(f"{dataset}: {len(curves)} published curves")
    return curves


def _say_bd(dataset: str, bd, measured: dict[str, Curve]) -> None:
    """The headline on the terminal: BD-rate of our first curve, with the overlap."""
    key = next((key for key, curve in measured.items() if curve.ours), None)
    if key is None:
        return
    say(f"{dataset}: BD-rate of {key} ({bdrate.METHOD})")
    for result in bd:
        if (
            result.test == key
            and result.scope == "set"
            and result.bd_rate_pct is not None
            and result.metric == "psnr_db"
            and result.anchor_kind == "measured"
        ):
            say(
                f"  {result.bd_rate_pct:+7.1f} % against {result.anchor}, "
                f"{result.from_quality:.1f} to {result.to_quality:.1f} dB "
                f"({100 * result.overlap:.0f} % of both curves)"
            )


def _costs(dataset: Dataset, codecs: dict[str, Codec], args) -> list[dict]:
    """Peak memory per codec on the first picture, each in a fresh process."""
    pixels = dataset.pictures[0].pixels()
    keys = [key for key in codecs if key not in ("ours-embedded", "ours-psnr")]  # the same functions as ours
    return [
        {
            "codec": key,
            "picture": dataset.pictures[0].name,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "setting": scale.middle(codecs[key]),
            **cost(key, pixels, scale.middle(codecs[key]), args.threads, args.api, args.timeout),
        }
        for key in bar(keys, f"{dataset.name}, memory")
    ]


def _scale(dataset: Dataset, codecs: dict[str, Codec], env, args, out: Path) -> None:
    chosen = [codec for key, codec in codecs.items() if key in scale.CODECS]
    data = {
        "env": env,
        "picture": dataset.pictures[0].name,
        "against_size": scale.against_size(dataset, chosen, args.threads, args.api, args.megapixels, args.timeout),
        "over_cores": scale.over_cores(dataset, chosen, args.api),
    }
    results.write_json(out / "scale.json", data)
    results.write_csv(out / "scale_size.csv", data["against_size"])
    results.write_csv(out / "scale_cores.csv", data["over_cores"])
