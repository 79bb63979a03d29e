"""Training: ``selfvae-codec train``, alone or under ``torchrun`` (gloo, one thread a worker).

Time, not steps, drives the schedule, so that a run ends when it was asked to, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn.parallel import DistributedDataParallel

from ...errors import CodecError
from ..config import Config
from ..networks.layers import Net
from ..networks.selfvae import SelfVAE
from .data import Crops, build_cache, check_cache, decode_cache
from .grow import grown
from .muon import Muon, matrices_of
from .objectives import OBJECTIVES
from .watch import Watch


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
    p.add_argument("--alone", nargs="+", metavar="NETWORK", help="the only ones of the part that learn: pixel_prior")
    p.add_argument("--out", type=Path, required=True, help="run folder: checkpoint, log, configuration")
    p.add_argument("--cache", type=Path, help="folder of decoded pictures (default OUT/cache)")
    p.add_argument(
        "--hours", type=float, default=1.0, help="length of the whole run; the rate decays to zero at its end"
    )
    p.add_argument(
        "--processor-time",
        action="store_true",
        help="hours are of what this process computed, not of the clock: equal work beside other work",
    )
    p.add_argument("--decay-from", type=float, default=0.5, help="fraction of the run after which the rate decays")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument(
        "--optimiser",
        choices=("adam", "muon"),
        default="adam",
        help="muon: for the 1x1 convolutions of residual blocks; its rate suits both",
    )
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
    p.add_argument("--device", default="cpu", help="what computes: cpu, cuda, mps, or another that torch knows")
    p.add_argument("--eager", action="store_true", help="on cuda: launch operations one by one, not as one graph")
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
    """--config with --set over it. Raises CodecError where they are not what a configuration can be."""

    def parsed(text: str, source: object):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise CodecError(f"{source} is not JSON: {error}") from error

    fields = parsed(args.config.read_text(), args.config) if args.config else {}
    for item in args.set:
        field, _, value = item.partition("=")
        fields[field] = parsed(value, f"--set {item}, which takes FIELD=JSON,")
    return Config.from_json(json.dumps(fields))


def load_init(path: Path) -> dict[str, torch.Tensor]:
    """Float weights. Raises CodecError for a file of another kind."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CodecError(f"{path} holds no float weights (safetensors): {error}") from error


def main(argv: list[str] | None = None) -> None:
    """Raises CodecError where another run writes to the folder, or something asked for cannot be had."""
    args = parse(argv)
    config = load_config(args)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = device_of(args.device, world)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = True  # all batches have the same shapes
    torch.backends.cudnn.allow_tf32 = False  # the fixed transforms are convolutions: 11 bits are too few at fine steps
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(args.out / "lock", timeout=0) if rank == 0 else nullcontext():
            start(args, config, rank, world, device)
    except Timeout as error:
        raise CodecError(f"another training writes to {args.out}: wait for it, or name another --out") from error


def device_of(name: str, workers: int) -> torch.device:
    """Raises CodecError where there is no such device, or several workers would share it."""
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise CodecError(f"--device {name} cannot be had: {str(error).splitlines()[0]}") from error
    if workers > 1 and device.type != "cpu":
        raise CodecError(f"torchrun starts workers for cores of a CPU: for --device {name}, start the command alone")
    return device


def start(args: argparse.Namespace, config: Config, rank: int, world: int, device: torch.device) -> None:
    """Meet the other workers, decode the pictures unless that has been done, and train."""
    if world > 1:
        dist.init_process_group("gloo")
    cache = args.cache or args.out / "cache"
    if (cache / "index.json").exists():
        check_cache(args.data, cache)
    elif rank == 0:
        print(f"decoding training pictures into {cache}", flush=True)
        build_cache(args.data, cache)
    if world > 1:
        dist.barrier()
    run(args, config, cache, rank, world, device)
    if world > 1:
        dist.destroy_process_group()


class State:
    """What a checkpoint holds: the model, its average, the optimiser, and how far they are."""

    def __init__(self, model: SelfVAE, decay: float, optimiser: str = "adam"):
        self.model, self.ema = model, Ema(model, decay)
        matrices = matrices_of(model) if optimiser == "muon" else []
        held = set(map(id, matrices))
        others = [parameter for parameter in model.parameters() if id(parameter) not in held]
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "optimiser": torch.optim.Adam(others, betas=(0.9, 0.999), fused=True)
        }
        if matrices:
            self.optimisers["muon"] = Muon(matrices)
        self.step, self.elapsed = 0, 0.0  # seconds

    def load(self, checkpoint: Path, device: torch.device) -> None:
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.ema.values, self.ema.steps = state["ema"], state["ema_steps"]
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state[name])
        self.step, self.elapsed = state["step"], state["elapsed_s"]

    def save(self, checkpoint: Path) -> None:
        """Write checkpoint and averaged weights, atomically: an interrupted run never loses the ones before."""
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema.values,
            "ema_steps": self.ema.steps,
            **{name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "step": self.step,
            "elapsed_s": self.elapsed,
        }
        partial = checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, checkpoint)
        save_file({k: v.contiguous() for k, v in self.ema.values.items()}, partial)
        os.replace(partial, checkpoint.with_name("averaged.safetensors"))

    def descend(self, loss: torch.Tensor, rate: float) -> torch.Tensor:
        """One step of the optimisers. Returns the norm of the gradient."""
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
            # no such step is taken, on any worker, since gradients were averaged; asking here would wait for a device
            optimiser.found_inf = (~torch.isfinite(norm)).float()
            optimiser.step()
        self.ema.update(self.model)
        self.step += 1
        return norm


def begun(args, config: Config, device: torch.device) -> State:
    """A run's state: where its checkpoint left it, or at its start."""
    torch.manual_seed(args.seed)
    model = SelfVAE(config)
    checkpoint = args.out / "checkpoint.pt"
    if args.init and not checkpoint.exists():
        model.load_state_dict(grown(load_init(args.init), model.state_dict(), config))
    state = State(model.to(device, memory_format=torch.channels_last), args.ema, args.optimiser)
    if checkpoint.exists():
        state.load(checkpoint, device)
    return state


def pictures(args, model: SelfVAE, cache: Path, rank: int, world: int, seed: int, device: torch.device) -> Crops:
    """Crops to train on; for pixels, with what the latents say of them, which is decoded first."""
    decoded = None
    if args.part == "pixels":
        decoded = args.out / "decoded.u8"
        if rank == 0 and not decoded.exists():
            print(f"decoding what the latents of {args.init} hold into {decoded}", flush=True)
            decode_cache(model, cache, decoded)
        if world > 1:
            dist.barrier()
    return Crops(cache, args.crop, args.batch, seed, decoded, upright=args.upright, device=device)


def run(args, config: Config, cache: Path, rank: int, world: int, device: torch.device) -> None:
    state = begun(args, config, device)
    model = state.model
    if rank == 0:
        (args.out / "config.json").write_text(config.to_json())
        arguments = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "data"}
        log(args.out, {"event": "start", "step": state.step, "workers": world, "arguments": arguments})

    # every worker draws its own crops and noise; a resumed run draws new ones
    seed = args.seed + 1000 * rank + 7919 * state.step
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    crops = pictures(args, model, cache, rank, world, seed + 1, device)
    for module in model.modules():
        if isinstance(module, Net):
            module.precision = getattr(torch, args.precision)
    objective = OBJECTIVES[args.part](model, args.weight_power)
    if args.alone:
        hold_others(model, args.alone)

    def drawn(done: float) -> tuple[list[str], list[torch.Tensor]]:
        """What a batch is logged as, and what the objective takes."""
        names, values = objective.draw(rng, args.batch)
        x = next(crops).float().contiguous(memory_format=torch.channels_last)
        fraction = torch.tensor(1.0 if args.init else done)  # no warm-up of what is trained already
        return names, [x, *(v.to(device, non_blocking=True) for v in (fraction, *values))]

    if world > 1:
        # networks of finer planes rest where streams have one
        trained = DistributedDataParallel(objective, find_unused_parameters=args.part == "stream")
    elif device.type == "cuda" and not args.eager and config.edge_stride is None:
        trained = torch.cuda.make_graphed_callables(objective, tuple(drawn(0.0)[1]), allow_unused_input=True)
    else:
        trained = objective
    watch = Watch(args.watch) if args.watch and rank == 0 else None
    now = time.process_time if args.processor_time else time.monotonic
    began = now() - state.elapsed
    saved = logged = state.elapsed
    watched = -float("inf")
    meter = Meter(objective.measured)
    budget = args.hours * 3600
    while True:
        clock = torch.tensor([now() - began], dtype=torch.float64)
        if world > 1:
            dist.broadcast(clock, 0)  # one clock, so that all workers use the same learning rate and stop together
        state.elapsed = elapsed = clock.item()
        done = elapsed >= budget
        rate = learning_rate(args, elapsed / budget, state.step)
        at = {"step": state.step, "hours": round(elapsed / 3600, 4)}
        if watch and (done or elapsed - watched > 60 * args.minutes_per_watch):
            averaged = SelfVAE(config).to(device).eval()
            averaged.load_state_dict(state.ema.values)
            log(args.out, {"event": "watch", **at, **watch.measure(averaged, args.part == "pixels")})
            watched = elapsed
        if rank == 0 and (done or elapsed - logged > 30):
            log(args.out, {**at, "lr": rate, **meter.take()})
            logged = elapsed
        if rank == 0 and (done or elapsed - saved > 60 * args.minutes_per_checkpoint):
            state.save(args.out / "checkpoint.pt")
            saved = elapsed
        if done:
            return
        names, inputs = drawn(elapsed / budget)
        loss, measured = trained(*inputs)
        norm = state.descend(loss, rate)
        if rank == 0:
            meter.add(names, measured, loss, norm)


def hold_others(model: SelfVAE, names: list[str]) -> None:
    """Only these networks learn. Raises CodecError for names of none."""
    networks = dict(model.named_children())
    if unknown := sorted(set(names) - networks.keys()):
        raise CodecError(f"--alone {' '.join(unknown)}: this model's networks are {', '.join(networks)}")
    for name in networks.keys() - set(names):
        networks[name].requires_grad_(False)


def learning_rate(args, fraction: float, step: int) -> float:
    decay = min(1.0, (1 - fraction) / (1 - args.decay_from))
    return args.lr * max(0.0, decay) * min(1.0, (step + 1) / 100)


class Meter:
    """Running means since the last log line, by what pictures are logged as; taking them waits for a device."""

    def __init__(self, columns: tuple[str, ...]):
        self.columns = columns
        self.names, self.rows, self.losses, self.norms = [], [], [], []

    def add(self, names: list[str], rows: torch.Tensor, loss: torch.Tensor, norm: torch.Tensor) -> None:
        """names: of a batch; rows: (B, columns)."""
        self.names += names
        self.rows.append(rows.detach().clone())  # a graph writes its outputs again
        self.losses.append(loss.detach().clone())
        self.norms.append(norm)

    def take(self) -> dict:
        if not self.losses:
            return {}
        loss, norm = (torch.stack(values).mean().item() for values in (self.losses, self.norms))
        out = {"loss": round(loss, 4), "grad_norm": round(norm, 3)}
        rows, names = torch.cat(self.rows).cpu(), np.array(self.names)
        for name in np.unique(names):
            means = rows[torch.from_numpy(names == name)].mean(0).tolist()
            out[str(name)] = {column: round(mean, 5) for column, mean in zip(self.columns, means)}
        self.__init__(self.columns)
        return out


def log(out: Path, record: dict) -> None:
    with open(out / "log.jsonl", "a") as f:
        f.write(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
