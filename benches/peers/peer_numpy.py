#!/usr/bin/env python3
"""One run at a time, NumPy, Python loop over samples.

Same quantizers, same step schedule and same update as peer_jax.py / peer_torch.py; it is also the
reference those two are checked against.  Prints one JSON line.
"""
import argparse
import json
import time

import numpy as np

f32 = np.float32


def _pow2_floor(ax, emin):
    """2**max(floor(log2 ax), emin), by masking the exponent field."""
    u = ax.astype(f32).view(np.uint32) & np.uint32(0x7F800000)
    return np.maximum(u, np.uint32((127 + emin) << 23)).view(f32)


def q_e4m3(x, rnd=np.rint):
    quantum = _pow2_floor(np.abs(x), -6) * f32(2.0 ** -3)
    return np.clip(rnd(x / quantum) * quantum, f32(-448), f32(448)).astype(f32)


def q_int8(x, rnd=np.rint, step=f32(2.0 ** -5)):
    return (np.clip(rnd(x / step), -127, 127) * step).astype(f32)


def q_mxfp4(x, rnd=np.rint, block=32):
    n = x.shape[-1]
    b = min(block, n)
    pad = (-n) % b
    xp = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, pad)]) if pad else x
    xb = xp.reshape(*xp.shape[:-1], -1, b)
    scale = _pow2_floor(np.abs(xb).max(-1, keepdims=True), -120) * f32(0.25)  # floor mode, emax=2
    s = xb / scale
    quantum = _pow2_floor(np.abs(s), 0) * f32(0.5)
    q = np.clip(rnd(s / quantum) * quantum, f32(-6), f32(6)) * scale
    return q.reshape(xp.shape)[..., :n].astype(f32)


def make_q(fmt, rounding="rne", rng=None):
    if fmt == "none":
        return lambda x: x
    rnd = np.rint if rounding == "rne" else (lambda t: np.floor(t + rng.random(t.shape, dtype=f32)))
    fn = {"e4m3": q_e4m3, "e4m3cast": q_e4m3, "int8": q_int8, "mxfp4": q_mxfp4}[fmt]
    return lambda x: fn(x, rnd)


def schedule(T, gamma0):
    """Geometric decay: log2(T) equal stages, halved at each (last iterate is returned)."""
    K = max(1, int(np.ceil(T / max(1.0, np.log2(T)))))
    return (gamma0 * 0.5 ** (np.arange(T) // K)).astype(f32)


def make_data(seed, R, D, M, N, a=1.5, sigma=0.5):
    """NumPy data shared by every peer's correctness check."""
    rng = np.random.default_rng(seed)
    lam = (np.arange(1, D + 1, dtype=np.float64) ** -a).astype(f32)
    X = rng.standard_normal((R, N, D), dtype=f32) * np.sqrt(lam)
    S = rng.standard_normal((R, M, D), dtype=f32) / f32(np.sqrt(M))
    w = rng.standard_normal((R, D), dtype=f32)
    y = np.einsum("rnd,rd->rn", X, w) + f32(sigma) * rng.standard_normal((R, N), dtype=f32)
    return X, y.astype(f32), S, w, lam


def run_one(X, y, S, w, lam, B, gamma0, q, times=None, clock=time.perf_counter):
    t0 = clock()
    Xq, yq = q(X), q(y[None].reshape(-1, B))
    t1 = clock()
    Z = Xq @ S.T
    t2 = clock()
    Z = q(Z).reshape(-1, B, S.shape[0])
    t3 = clock()
    T = Z.shape[0]
    g = schedule(T, gamma0) / f32(B)
    v = np.zeros(S.shape[0], f32)
    for t in range(T):
        r = q(yq[t] - q(Z[t] @ q(v)))
        v = v + g[t] * (Z[t].T @ r)
    t4 = clock()
    e = S.T @ v - w
    risk = float(np.sum(lam * e * e))
    if times is not None:
        for k, dt in zip(("quant_d", "proj", "quant_f", "scan"), (t1 - t0, t2 - t1, t3 - t2, t4 - t3)):
            times[k] = times.get(k, 0.0) + dt
    return risk


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--D", type=int, default=2000); p.add_argument("--M", type=int, default=128)
    p.add_argument("--N", type=int, default=2000); p.add_argument("--R", type=int, default=2)
    p.add_argument("--batch", type=int, default=1); p.add_argument("--format", default="none")
    p.add_argument("--rounding", default="rne", choices=["rne", "sr"])
    p.add_argument("--seed", type=int, default=0); p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--gamma", type=float, default=0.1); p.add_argument("--sigma", type=float, default=0.5)
    p.add_argument("--a", type=float, default=1.5)
    p.add_argument("--clock", default="wall", choices=["wall", "cpu"], help="clock of the stage times")
    A = p.parse_args()
    clock = time.process_time if A.clock == "cpu" else time.perf_counter
    q = make_q(A.format, A.rounding, np.random.default_rng(A.seed + 77))
    tot, cpu, stages, risks = [], [], [], []
    for k in range(A.repeats):
        st = {}
        t0, c0 = time.perf_counter(), time.process_time()
        for r in range(A.R):
            g0 = clock()
            X, y, S, w, lam = make_data(A.seed + 1000 * k + r, 1, A.D, A.M, A.N, A.a, A.sigma)
            st["gen"] = st.get("gen", 0.0) + clock() - g0
            risks.append(run_one(X[0], y[0], S[0], w[0], lam, A.batch, A.gamma, q, st, clock))
        tot.append(time.perf_counter() - t0)
        cpu.append(time.process_time() - c0)
        stages.append(st)
    t = float(np.median(tot))
    X, y, S, w, lam = make_data(1234, 2, 256, 32, 256, A.a, A.sigma)
    chk = [run_one(X[i], y[i], S[i], w[i], lam, A.batch, A.gamma, make_q(A.format)) for i in range(2)]
    print(json.dumps(dict(peer="numpy", device="cpu", D=A.D, M=A.M, N=A.N, R=A.R, batch=A.batch,
        format=A.format, rounding=A.rounding, runs_per_s=A.R / t, sgd_steps_per_s=A.R * (A.N // A.batch) / t,
        sample_features_per_s=A.R * A.N * A.M / t, time_s=t, cpu_s=float(np.median(cpu)), time_all_s=tot,
        stages_s={k: float(np.median([s[k] for s in stages])) for k in stages[0]},
        risk_mean=float(np.mean(risks)), risk_se=float(np.std(risks) / np.sqrt(len(risks))), check=chk)))


if __name__ == "__main__":
    main()
