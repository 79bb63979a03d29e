"""Training: ``selfvae-codec train``, alone or under ``torchrun`` (gloo, one thread a worker).

The loss is bits + distortion / (0.13 D^2) per pixel with D drawn log-uniformly per picture: the slope of the
operational rate-distortion curve of a uniform quantiser at step D. Time, not steps, drives the schedule, so
that a run ends when it was asked to, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean as mean

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .config import RD_SLOPE, T_FINEST, T_FIRST, T_LOSSLESS, Y_STEPS, Config
from .data import Crops, build_cache, decode_cache
from .grow import grown
from .layers import Net, step_weights
from .likelihood import HYPER_WARMUP, StreamObjective
from .selfvae import SelfVAE, y_steps
from .watch import Watch

T_DRAWN = 5.3  # coarsest log3 of a step that training sees
FOLLOWED = 0.4  # of the planes that finer ones can follow are trained as such, where symbols are chosen


def draw_steps(rng: torch.Generator, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """t, y_step and "nothing read" for a batch: t ascending, uniform over all planes, one per stratum."""
    t = T_FINEST + (T_DRAWN - T_FINEST) * (torch.arange(batch) + torch.rand(batch, generator=rng)) / batch
    nothing = (t >= T_FIRST) & (torch.rand(batch, generator=rng) < 0.06)
    return t, y_steps(t), nothing


def picture_loss(terms, t: Tensor, power: float, z2_weight: float) -> Tensor:
    delta = 3.0**t
    loss = terms.z1_bpp + z2_weight * terms.z2_bpp + terms.distortion / (RD_SLOPE * delta**2)
    return loss * (delta / 32) ** power


class LatentObjective(nn.Module):
    """Rate-distortion loss of one random plane per picture: p(z[1]), z[2] and the synthesis network."""

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model, self.power = model, power
        model.requires_grad_(True)
        for fixed in self.fixed():
            fixed.requires_grad_(False)

    def fixed(self) -> list[nn.Module]:
        """What this objective does not train."""
        return [*self.model.representation_priors().values(), self.model.pixel_prior]

    def chosen(self, rng: torch.Generator, t: Tensor) -> Tensor:
        """Pictures (B,) whose symbols are chosen by their cost: none."""
        return torch.zeros(len(t), dtype=torch.bool)

    def forward(self, x: Tensor, rng: torch.Generator, fraction: float) -> tuple[Tensor, list[tuple]]:
        """fraction: of the run that is done. Returns the loss and, per picture, (range of t, {name: value}) to log."""
        t, y_step, nothing = draw_steps(rng, len(x))
        terms = self.model(x, t, y_step, nothing, self.chosen(rng, t))
        losses = picture_loss(terms, t, self.power, min(1.0, fraction / HYPER_WARMUP))
        bpp, mse = (terms.z1_bpp + terms.z2_bpp).tolist(), (terms.distortion / 3).tolist()
        z2_bpp = terms.z2_bpp.tolist()
        rows = [
            (range_name(t[i].item(), nothing[i].item()), {"bpp": bpp[i], "z2_bpp": z2_bpp[i], "mse": mse[i]})
            for i in range(len(x))
        ]
        return losses.mean(), rows


class DecoderObjective(LatentObjective):
    """The same with symbols chosen by their cost, as encoders choose them in finest planes.

    The encoder's network stays, so that z[2] says what it said.
    """

    def chosen(self, rng: torch.Generator, t: Tensor) -> Tensor:
        """Whose planes are the finest of their file; the others are followed by finer ones, and plainly rounded."""
        return (torch.rand(len(t), generator=rng) >= FOLLOWED) | (t >= T_FIRST + 1) | (t < T_FINEST + 1)

    def fixed(self) -> list[nn.Module]:
        return [*super().fixed(), self.model.hyper_analysis]


class RepresentationObjective(nn.Module):
    """Bits of all representations: a likelihood, since they are exact."""

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        for prior in model.representation_priors().values():
            prior.requires_grad_(True)

    def forward(self, x: Tensor, rng: torch.Generator, fraction: float) -> tuple[Tensor, list[tuple]]:
        y_step = torch.tensor(Y_STEPS)[torch.randint(0, len(Y_STEPS), (len(x),), generator=rng)].float()
        bits = self.model.representation_bits(x, y_step)
        columns = {name.replace("prior", "bpp"): values.tolist() for name, values in bits.items()}
        rows = [(f"step_{int(s)}", {name: v[i] for name, v in columns.items()}) for i, s in enumerate(y_step)]
        return sum(bits.values()).mean() * 100, rows


class PixelObjective(nn.Module):
    """Bits of the exact pixels, a sub-pixel, given what the latents decode to: channels 3 to 5 of x."""

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        model.pixel_prior.requires_grad_(True)

    def forward(self, x: Tensor, rng: torch.Generator, fraction: float) -> tuple[Tensor, list[tuple]]:
        bits = self.model.pixel_prior(x[:, :3], x[:, 3:], step_weights(torch.full((len(x),), T_LOSSLESS)))
        return bits.mean(), [("lossless", {"bits": b}) for b in bits.tolist()]


OBJECTIVES = {
    "stream": StreamObjective,
    "latents": LatentObjective,
    "decoder": DecoderObjective,
    "representations": RepresentationObjective,
    "pixels": PixelObjective,
}


def range_name(t: float, nothing: bool) -> str:
    if nothing:
        return "nothing_read"
    return "fine" if t < 2 else "middle" if t < T_FIRST else "coarse" if t < T_FIRST + 1 else "coarsest"


def parse(argv: list[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="selfvae-codec train", description=__doc__.split("\n")[0])
    p.add_argument("--config", type=Path, help="JSON file of configuration fields; the defaults without it")
    p.add_argument("--set", action="append", default=[], metavar="FIELD=JSON", help="override one field")
    p.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pictures")
    p.add_argument(
        "--part",
        choices=tuple(OBJECTIVES),
        default="latents",
        help="what to train: p(z) and synthesis; these on the symbols that the encoder chooses; p(y); or p(x | x_hat), "
        "on what the latents of --init decode to; or everything at once, on the bits of lossless streams alone",
    )
    p.add_argument("--out", type=Path, required=True, help="run folder: checkpoint, log, configuration")
    p.add_argument("--cache", type=Path, help="folder of decoded pictures (default OUT/cache)")
    p.add_argument(
        "--hours", type=float, default=1.0, help="length of the whole run; the rate decays to zero at its end"
    )
    p.add_argument("--decay-from", type=float, default=0.5, help="fraction of the run after which the rate decays")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--crop", type=int, default=128)
    p.add_argument("--upright", action="store_true", help="never transpose a crop")
    p.add_argument("--batch", type=int, default=8, help="crops per worker")
    p.add_argument("--ema", type=float, default=0.999)
    p.add_argument("--weight-power", type=float, default=0.5, help="loss of a picture is weighted by (D/32)^power")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument(
        "--init",
        type=Path,
        help="float weights to start from (a run's averaged.safetensors, export --floats); those of a smaller model "
        "grow to the size of this one",
    )
    p.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the networks' activations; bfloat16 is about twice as fast where the processor multiplies in it",
    )
    p.add_argument("--minutes-per-checkpoint", type=float, default=3.0)
    p.add_argument(
        "--watch", type=Path, help="folder of test pictures: the log also gets bits and PSNR on crops of them"
    )
    p.add_argument("--minutes-per-watch", type=float, default=10.0)
    return p.parse_args(argv)


class Ema:
    """Exponential average of the parameters, with a warm-up that forgets the start."""

    def __init__(self, model: torch.nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self.values = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (10 + self.steps))
        live = model.state_dict()
        torch._foreach_lerp_(list(self.values.values()), [live[k] for k in self.values], 1 - decay)


def load_config(args: argparse.Namespace) -> Config:
    config = Config.from_json(args.config.read_text()) if args.config else Config()
    overrides = {}
    for item in args.set:
        field, _, value = item.partition("=")
        value = json.loads(value)
        overrides[field] = tuple(value) if isinstance(value, list) else value
    return replace(config, **overrides)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if world > 1:
        dist.init_process_group("gloo")
    args.out.mkdir(parents=True, exist_ok=True)
    cache = args.cache or args.out / "cache"
    if rank == 0 and not (cache / "index.json").exists():
        print(f"decoding training pictures into {cache}", flush=True)
        build_cache(args.data, cache)
    if world > 1:
        dist.barrier()
    run(args, load_config(args), cache, rank, world)
    if world > 1:
        dist.destroy_process_group()


def run(args, config: Config, cache: Path, rank: int, world: int) -> None:
    torch.manual_seed(args.seed)
    model = SelfVAE(config).to(memory_format=torch.channels_last)
    ema = Ema(model, args.ema)
    optimiser = torch.optim.Adam(model.parameters(), betas=(0.9, 0.999), fused=True)
    step, elapsed = 0, 0.0
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        ema.values, ema.steps = state["ema"], state["ema_steps"]
        optimiser.load_state_dict(state["optimiser"])
        step, elapsed = state["step"], state["elapsed_s"]
    elif args.init:
        model.load_state_dict(grown(load_file(args.init), model.state_dict()))
        ema = Ema(model, args.ema)
    if rank == 0:
        (args.out / "config.json").write_text(config.to_json())
        arguments = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "data"}
        log(args.out, {"event": "start", "step": step, "workers": world, "arguments": arguments})

    # every worker draws its own crops and noise; a resumed run draws new ones
    seed = args.seed + 1000 * rank + 7919 * step
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    decoded = None
    if args.part == "pixels":
        decoded = args.out / "decoded.u8"
        if rank == 0 and not decoded.exists():
            print(f"decoding what the latents of {args.init} hold into {decoded}", flush=True)
            decode_cache(model, cache, decoded)
        if world > 1:
            dist.barrier()
    crops = Crops(cache, args.crop, args.batch, seed, decoded, upright=args.upright)
    for module in model.modules():
        if isinstance(module, Net):
            module.precision = getattr(torch, args.precision)
    trained = OBJECTIVES[args.part](model, args.weight_power)
    trained = DistributedDataParallel(trained) if world > 1 else trained
    watch = Watch(args.watch) if args.watch and rank == 0 else None
    began, offset = time.monotonic(), elapsed
    saved = logged = elapsed
    watched = -float("inf")
    meter = Meter()
    budget = args.hours * 3600
    while True:
        clock = torch.tensor([time.monotonic() - began + offset], dtype=torch.float64)
        if world > 1:
            dist.broadcast(clock, 0)  # one clock, so that all workers use the same learning rate and stop together
        elapsed = clock.item()
        done = elapsed >= budget
        if watch and (done or elapsed - watched > 60 * args.minutes_per_watch):
            averaged = SelfVAE(config).eval()
            averaged.load_state_dict(ema.values)
            measured = watch.measure(averaged, args.part == "pixels")
            log(args.out, {"event": "watch", "step": step, "hours": round(elapsed / 3600, 4), **measured})
            watched = elapsed
        if rank == 0 and (done or elapsed - logged > 30):
            log(
                args.out,
                {
                    "step": step,
                    "hours": round(elapsed / 3600, 4),
                    "lr": learning_rate(args, elapsed / budget, step),
                    **meter.take(),
                },
            )
            logged = elapsed
        if rank == 0 and (done or elapsed - saved > 60 * args.minutes_per_checkpoint):
            save(checkpoint, model, ema, optimiser, step, elapsed)
            saved = elapsed
        if done:
            return
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(args, elapsed / budget, step)
        x = torch.from_numpy(next(crops)).float().contiguous(memory_format=torch.channels_last)
        loss, rows = trained(x, rng, 1.0 if args.init else elapsed / budget)  # no warm-up of what is trained already
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        if torch.isfinite(norm):  # the same on all workers, since gradients were averaged
            optimiser.step()
            ema.update(model)
        step += 1
        if rank == 0:
            meter.add(rows, loss.item(), norm.item())


def learning_rate(args, fraction: float, step: int) -> float:
    decay = min(1.0, (1 - fraction) / (1 - args.decay_from))
    return args.lr * max(0.0, decay) * min(1.0, (step + 1) / 100)


class Meter:
    """Running means since the last log line, by range of the step."""

    def __init__(self):
        self.rows, self.losses, self.norms = [], [], []

    def add(self, rows: list[tuple], loss: float, norm: float) -> None:
        self.rows += rows
        self.losses.append(loss)
        self.norms.append(norm)

    def take(self) -> dict:
        if not self.losses:
            return {}
        out = {"loss": round(mean(self.losses), 4), "grad_norm": round(mean(self.norms), 3)}
        for name in sorted({name for name, _ in self.rows}):
            values = [v for n, v in self.rows if n == name]
            out[name] = {key: round(mean(v[key] for v in values), 5) for key in values[0]}
        self.__init__()
        return out


def log(out: Path, record: dict) -> None:
    with open(out / "log.jsonl", "a") as f:
        f.write(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)


def save(path: Path, model, ema: Ema, optimiser, step: int, elapsed: float) -> None:
    """Write checkpoint and averaged weights, atomically: an interrupted run never loses the ones before."""
    state = {
        "model": model.state_dict(),
        "ema": ema.values,
        "ema_steps": ema.steps,
        "optimiser": optimiser.state_dict(),
        "step": step,
        "elapsed_s": elapsed,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)
    save_file({k: v.contiguous() for k, v in ema.values.items()}, partial)
    os.replace(partial, path.with_name("averaged.safetensors"))


if __name__ == "__main__":
    main()
