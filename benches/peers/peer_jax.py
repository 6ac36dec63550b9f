#!/usr/bin/env python3
"""JAX: jit + vmap over runs + lax.scan over samples; CPU or NVIDIA GPU.

One JSON line on stdout.  See README.md for the options that matter on a GPU.
"""
import argparse
import json
import os
import time


def parse():
    p = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--D", type=int, default=2000)
    p.add_argument("--M", type=int, default=128)
    p.add_argument("--N", type=int, default=2000)
    p.add_argument("--R", type=int, default=64, help="independent runs done together")
    p.add_argument("--batch", type=int, default=1, help="SGD mini-batch B")
    p.add_argument("--format", default="none", choices=["none", "e4m3", "e4m3cast", "int8", "mxfp4"])
    p.add_argument("--rounding", default="rne", choices=["rne", "sr"])
    p.add_argument("--sites", default="dflpao", help="which of the quantizers d,f,l,p,a,o are on")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--a", type=float, default=1.5)
    p.add_argument("--sigma", type=float, default=0.5)
    p.add_argument("--gamma", type=float, default=0.1)
    p.add_argument("--chunk", type=int, default=0, help="samples materialised at once (0: auto)")
    p.add_argument("--unroll", type=int, default=4, help="lax.scan unroll of the SGD loop")
    p.add_argument("--data", default="full", choices=["full", "joint", "shared"],
                   help="full: X and S per run; shared: one X for all runs, S per run (one big GEMM); "
                        "joint: D-free, (z,y) drawn from their (M+1)-dim Gaussian, needs Q_d off")
    p.add_argument("--factor", default="chol", choices=["chol", "qr"], help="--data joint: how L is found")
    p.add_argument("--precision", default="highest", choices=["highest", "tf32", "bf16"])
    p.add_argument("--prng", default="threefry2x32", choices=["threefry2x32", "rbg", "unsafe_rbg"])
    p.add_argument("--barrier", action="store_true",
                   help="keep XLA from recomputing the normals inside the block-scale reduction (mxfp4)")
    p.add_argument("--xla", default="", help="appended to XLA_FLAGS")
    p.add_argument("--clock", default="wall", choices=["wall", "cpu"],
                   help="clock of the stage times; cpu = process time, for a busy machine with one thread")
    p.add_argument("--no-stages", action="store_true")
    p.add_argument("--no-check", action="store_true")
    return p.parse_args()


A = parse()
if A.xla:
    os.environ["XLA_FLAGS"] = (os.environ.get("XLA_FLAGS", "") + " " + A.xla).strip()

import numpy as np
import jax
import jax.numpy as jnp
from jax import lax

jax.config.update("jax_default_prng_impl", A.prng)
f32 = jnp.float32
PREC = {"highest": lax.Precision.HIGHEST, "tf32": lax.DotAlgorithmPreset.TF32_TF32_F32
        if jax.default_backend() == "gpu" else lax.Precision.HIGHEST, "bf16": None}[A.precision]


# ---------------------------------------------------------------- quantizers
def pow2_floor(ax, emin):
    u = lax.bitcast_convert_type(ax, jnp.uint32) & jnp.uint32(0x7F800000)
    return lax.bitcast_convert_type(jnp.maximum(u, jnp.uint32((127 + emin) << 23)), f32)


def inv_pow2(p):  # exact reciprocal of a power of two, by the exponent field
    return lax.bitcast_convert_type(jnp.uint32(254 << 23) - lax.bitcast_convert_type(p, jnp.uint32), f32)


def rounder(key, shape):
    if A.rounding == "rne" or key is None:
        return jnp.round
    u = jax.random.uniform(key, shape, f32)
    return lambda t: jnp.floor(t + u)


def q_e4m3(x, key):
    quantum = pow2_floor(jnp.abs(x), -6) * f32(0.125)
    return jnp.clip(rounder(key, x.shape)(x * inv_pow2(quantum)) * quantum, -448.0, 448.0)


def q_e4m3cast(x, key):
    return jnp.clip(x, -448.0, 448.0).astype(jnp.float8_e4m3fn).astype(f32)


def q_int8(x, key):
    return jnp.clip(rounder(key, x.shape)(x * f32(32.0)), -127.0, 127.0) * f32(1 / 32)


def q_mxfp4(x, key, block=32):
    n = x.shape[-1]
    b = min(block, n)
    pad = (-n) % b
    xp = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, pad)]) if pad else x
    xb = xp.reshape(*xp.shape[:-1], -1, b)
    scale = pow2_floor(jnp.max(jnp.abs(xb), -1, keepdims=True), -120) * f32(0.25)
    s = xb * inv_pow2(scale)
    quantum = pow2_floor(jnp.abs(s), 0) * f32(0.5)
    q = jnp.clip(rounder(key, s.shape)(s * inv_pow2(quantum)) * quantum, -6.0, 6.0) * scale
    return q.reshape(xp.shape)[..., :n]


QF = {"none": lambda x, key: x, "e4m3": q_e4m3, "e4m3cast": q_e4m3cast, "int8": q_int8, "mxfp4": q_mxfp4}[A.format]
SR = A.rounding == "sr" and A.format != "none"


def Q(site, x, key=None):
    return QF(x, key) if site in A.sites else x


def schedule(T):
    K = max(1, int(np.ceil(T / max(1.0, np.log2(T)))))
    return (A.gamma * 0.5 ** (np.arange(T) // K)).astype(np.float32)


# ---------------------------------------------------------------- one run (vmap'd below)
def matmul(a, b):  # a @ b.T over the last axes
    if A.precision == "bf16":
        return lax.dot_general(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16), (((1,), (1,)), ((), ())),
                               preferred_element_type=f32)
    return lax.dot_general(a, b, (((1,), (1,)), ((), ())), precision=PREC, preferred_element_type=f32)


def setup(key, lam, D, M):
    kw, ks = jax.random.split(key)
    w = jax.random.normal(kw, (D,), f32)
    S = jax.random.normal(ks, (M, D), f32) * f32(M ** -0.5)
    if A.data != "joint":
        return w, S, None
    F = jnp.concatenate([S, w[None]], 0) * jnp.sqrt(lam)          # (M+1, D)
    # L with L L^T = F F^T.  qr is the stabler one in float32 (needed for a > 2.5 or so); batched QR is slow on a GPU
    if A.factor == "qr":
        return w, S, jnp.linalg.qr(F.T, mode="r").T
    G = lax.dot_general(F, F, (((1,), (1,)), ((), ())), precision=lax.Precision.HIGHEST)
    L = jnp.linalg.cholesky(G)
    return w, S, L


def gen_chunk(key, lam, w, C, D):
    kx, ke = jax.random.split(key)
    X = jax.random.normal(kx, (C, D), f32) * jnp.sqrt(lam)
    if A.barrier:
        X = lax.optimization_barrier(X)
    y = jnp.sum(X * w, -1) + f32(A.sigma) * jax.random.normal(ke, (C,), f32)
    return X, y


def gen_joint(key, L, C, M):
    kx, ke = jax.random.split(key)
    zy = matmul(jax.random.normal(kx, (C, M + 1), f32), L)
    return zy[:, :M], zy[:, M] + f32(A.sigma) * jax.random.normal(ke, (C,), f32)


def features(X, S, key):
    k1, k2 = jax.random.split(key) if SR else (None, None)
    return Q("f", matmul(Q("d", X, k1), S), k2)


def scan_chunk(v, Z, y, gam, key):
    """Z (T,B,M), y (T,B), gam (T,): T sequential SGD steps."""
    B = Z.shape[1]

    def step(c, inp):
        v, k = c
        z, yy, g = inp
        if SR:
            k, k1, k2, k3 = jax.random.split(k, 4)
        else:
            k1 = k2 = k3 = None
        p = Q("p", v, k1)
        a = Q("a", jnp.sum(z * p, -1), k2)
        r = Q("o", yy - a, k3)
        return (v + (g / B) * jnp.sum(r[:, None] * z, 0), k), None

    (v, _), _ = lax.scan(step, (v, key), (Z, y, gam), unroll=A.unroll)
    return v


def risk_of(v, S, w, lam):
    e = jnp.sum(S * v[:, None], 0) - w
    return jnp.sum(lam * e * e)


def chunk_size(D, M, N, B):
    gpu = jax.default_backend() == "gpu"
    lim = (1 << 33) if gpu else (1 << 23)   # bytes of X (or z) alive per chunk; on a CPU it should fit the cache
    width = M + 1 if A.data == "joint" else D
    most = 250 if gpu and A.data != "joint" else N
    C = A.chunk or max(25, min(N, lim // (4 * width * A.R), most))
    C = min(N, max(B, C))
    C -= C % B
    while N % C:
        C -= B
    return C


def make_one_run(D, M, N, B, lam, shared_key=None):
    C = chunk_size(D, M, N, B)
    nch = N // C

    def one_run(key):
        k0, k1, k2 = jax.random.split(key, 3)
        w, S, L = setup(k0, lam, D, M)
        gam = jnp.asarray(schedule(N // B)).reshape(nch, C // B)
        # with --data shared the x keys (and w) do not depend on the run, so vmap leaves X unbatched
        if A.data == "shared":
            w = jax.random.normal(jax.random.fold_in(shared_key, 0), (D,), f32)
            k1 = jax.random.fold_in(shared_key, 1)

        def outer(v, inp):
            g, i = inp
            kd, kq = jax.random.fold_in(k1, i), jax.random.fold_in(k2, i)
            kl, kf, ks = jax.random.split(kq, 3)
            if A.data == "joint":
                Z, y = gen_joint(kd, L, C, M)
                Z = Q("f", Z, kf if SR else None)
            else:
                X, y = gen_chunk(kd, lam, w, C, D)
                Z = features(X, S, kf)
            y = Q("l", y.reshape(-1, B), kl if SR else None)
            return scan_chunk(v, Z.reshape(-1, B, M), y, g, ks), None

        v, _ = lax.scan(outer, jnp.zeros(M, f32), (gam, jnp.arange(nch)))
        return risk_of(v, S, w, lam)

    return one_run


# ---------------------------------------------------------------- numpy reference (for the check value)
def np_reference(X, y, S, w, lam, B):
    def pf(ax, emin):
        return np.maximum(ax.astype(np.float32).view(np.uint32) & np.uint32(0x7F800000),
                          np.uint32((127 + emin) << 23)).view(np.float32)

    def q(site, x):
        if A.format == "none" or site not in A.sites:
            return x
        x = x.astype(np.float32)
        if A.format == "int8":
            return np.clip(np.rint(x * 32), -127, 127) / np.float32(32)
        if A.format.startswith("e4m3"):
            u = pf(np.abs(x), -6) / np.float32(8)
            return np.clip(np.rint(x / u) * u, -448, 448)
        n = x.shape[-1]; b = min(32, n); pad = (-n) % b
        xp = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, pad)])
        xb = xp.reshape(*xp.shape[:-1], -1, b)
        sc = pf(np.abs(xb).max(-1, keepdims=True), -120) / np.float32(4)
        s = xb / sc; u = pf(np.abs(s), 0) / np.float32(2)
        return (np.clip(np.rint(s / u) * u, -6, 6) * sc).reshape(xp.shape)[..., :n]

    M = S.shape[0]
    Z = q("f", (q("d", X) @ S.T)).reshape(-1, B, M)
    yq = q("l", y.reshape(-1, B))
    g = schedule(Z.shape[0]) / np.float32(B)
    v = np.zeros(M, np.float32)
    for t in range(Z.shape[0]):
        v = v + g[t] * (Z[t].T @ q("o", yq[t] - q("a", Z[t] @ q("p", v))))
    e = S.T @ v - w
    return float(np.sum(lam * e * e))


def check():
    D, M, N, R = 256, 32, 256, 2
    rng = np.random.default_rng(1234)
    lam = (np.arange(1, D + 1, dtype=np.float64) ** -A.a).astype(np.float32)
    X = rng.standard_normal((R, N, D), dtype=np.float32) * np.sqrt(lam)
    S = rng.standard_normal((R, M, D), dtype=np.float32) / np.float32(np.sqrt(M))
    w = rng.standard_normal((R, D), dtype=np.float32)
    noise = np.float32(A.sigma) * rng.standard_normal((R, N), dtype=np.float32)
    y = (np.einsum("rnd,rd->rn", X, w) + noise).astype(np.float32)
    B = A.batch

    @jax.jit
    @jax.vmap
    def go(X, y, S, w):
        Z = Q("f", matmul(Q("d", X), S)).reshape(-1, B, M)
        v = scan_chunk(jnp.zeros(M, f32), Z, Q("l", y.reshape(-1, B)), jnp.asarray(schedule(N // B)), jax.random.key(0))
        return risk_of(v, S, w, jnp.asarray(lam))

    got = np.asarray(go(X, y, S, w), np.float64)
    ref = np.array([np_reference(X[i], y[i], S[i], w[i], lam, B) for i in range(R)])
    return dict(check=[float(t) for t in got], check_ref=[float(t) for t in ref],
                check_rel=float(np.max(np.abs(got - ref) / np.abs(ref))))


CLOCK = time.process_time if A.clock == "cpu" else time.perf_counter


def timeit(f, *a, n=5):
    r = jax.block_until_ready(f(*a))
    ts = []
    for _ in range(n):
        t0 = CLOCK()
        jax.block_until_ready(f(*a))
        ts.append(CLOCK() - t0)
    return float(np.median(ts)), r


def stages(D, M, N, B, R, lam, n):
    """Each stage as its own jit over one chunk of all R runs, times the number of chunks."""
    C = chunk_size(D, M, N, B)
    nch = N // C
    keys = jax.random.split(jax.random.key(A.seed + 5), R)
    out = {}
    t, (w, S, L) = timeit(jax.jit(jax.vmap(lambda k: setup(k, lam, D, M))), keys, n=n)
    out["setup_S"] = t
    if A.data == "joint":
        t, (Z, y) = timeit(jax.jit(jax.vmap(lambda k, L: gen_joint(k, L, C, M))), keys, L, n=n)
        out["gen"] = t * nch
    else:
        t, (X, y) = timeit(jax.jit(jax.vmap(lambda k, w: gen_chunk(k, lam, w, C, D))), keys, w, n=n)
        out["gen"] = t * nch
        if A.format != "none" and "d" in A.sites:
            qd = jax.jit(jax.vmap(lambda X, k: Q("d", X, k if SR else None)))
            t, X = timeit(qd, X, keys, n=n)
            out["quant_d"] = t * nch
        t, Z = timeit(jax.jit(jax.vmap(matmul)), X, S, n=n)
        out["proj"] = t * nch
        del X
    if A.format != "none" and "f" in A.sites:
        t, Z = timeit(jax.jit(jax.vmap(lambda Z, k: Q("f", Z, k if SR else None))), Z, keys, n=n)
        out["quant_f"] = t * nch
    gam = jnp.asarray(schedule(N // B))[: C // B]
    v = jnp.zeros((R, M), f32)
    sc = jax.jit(jax.vmap(lambda v, Z, y, k: scan_chunk(v, Z.reshape(-1, B, M), y.reshape(-1, B), gam, k)))
    t, v = timeit(sc, v, Z, y, keys, n=n)
    out["scan"] = t * nch
    t, _ = timeit(jax.jit(jax.vmap(lambda v, S, w: risk_of(v, S, w, lam))), v, S, w, n=n)
    out["risk"] = t
    return out


def main():
    D, M, N, R, B = A.D, A.M, A.N, A.R, A.batch
    if A.data == "joint" and "d" in A.sites and A.format != "none":
        A.sites = A.sites.replace("d", "")
    lam = jnp.asarray((np.arange(1, D + 1, dtype=np.float64) ** -A.a).astype(np.float32))
    run = jax.jit(jax.vmap(make_one_run(D, M, N, B, lam, jax.random.key(A.seed + 99))))
    k0 = jax.random.key(A.seed)
    t0 = time.perf_counter()
    jax.block_until_ready(run(jax.random.split(k0, R)))
    compile_s = time.perf_counter() - t0
    ts, cpu, risks = [], [], []
    for i in range(A.repeats):
        keys = jax.block_until_ready(jax.random.split(jax.random.fold_in(k0, i + 1), R))
        t0, c0 = time.perf_counter(), time.process_time()
        risks.append(jax.block_until_ready(run(keys)))
        ts.append(time.perf_counter() - t0)
        cpu.append(time.process_time() - c0)
    t = float(np.median(ts))
    rk = np.concatenate([np.asarray(r) for r in risks])
    d = jax.devices()[0]
    rec = dict(peer="jax", version=jax.__version__, device=f"{d.platform}:{d.device_kind}", D=D, M=M, N=N, R=R,
               batch=B, format=A.format, rounding=A.rounding, sites=A.sites, data=A.data, precision=A.precision,
               prng=A.prng, unroll=A.unroll, chunk=chunk_size(D, M, N, B), runs_per_s=R / t,
               sgd_steps_per_s=R * (N // B) / t, sample_features_per_s=R * N * M / t, time_s=t,
               cpu_s=float(np.median(cpu)), time_all_s=ts,
               first_call_s=compile_s, risk_mean=float(rk.mean()), risk_se=float(rk.std() / np.sqrt(rk.size)))
    if not A.no_stages:
        rec["stages_s"] = stages(D, M, N, B, R, lam, max(3, A.repeats))
    if not A.no_check and not SR:
        rec.update(check())
    print(json.dumps(rec))


if __name__ == "__main__":
    main()
