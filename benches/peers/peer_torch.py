#!/usr/bin/env python3
"""PyTorch: runs batched in the leading axis (bmm + elementwise); CPU or NVIDIA GPU.

--scan eager   Python loop over samples, one kernel per op
--scan compile torch.compile'd block of --unroll steps
--scan graph   (CUDA) a whole chunk of compiled steps captured once as a CUDA graph and replayed
--scan triton  (CUDA) hand-written Triton kernel, one program per run, v held in registers
One JSON line on stdout.
"""
import argparse
import json
import time

import numpy as np
import torch

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
p.add_argument("--unroll", type=int, default=8, help="SGD steps per compiled block (8 keeps slices 16-byte aligned)")
p.add_argument("--data", default="full", choices=["full", "joint", "shared"])
p.add_argument("--factor", default="chol", choices=["chol", "qr"], help="--data joint: qr is stabler for a > 2.5")
p.add_argument("--precision", default="highest", choices=["highest", "tf32", "bf16"])
p.add_argument("--scan", default="auto", choices=["auto", "eager", "compile", "graph", "triton"])
p.add_argument("--gen", default="auto", choices=["auto", "eager", "hybrid", "compile"])
p.add_argument("--warps", type=int, default=0, help="Triton warps per run (0: tune over 1,2,4)")
p.add_argument("--device", default="auto")
p.add_argument("--threads", type=int, default=0, help="CPU threads (0: torch's default)")
p.add_argument("--clock", default="wall", choices=["wall", "cpu"], help="clock of the stage times")
p.add_argument("--no-stages", action="store_true")
p.add_argument("--no-check", action="store_true")
A = p.parse_args()
CLOCK = time.process_time if A.clock == "cpu" else time.perf_counter
if A.threads:
    torch.set_num_threads(A.threads)

DEV = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if A.device == "auto" else A.device)
CUDA = DEV.type == "cuda"
SCAN = ("graph" if CUDA else "compile") if A.scan == "auto" else A.scan
GEN = ("compile" if CUDA else "eager" if SCAN == "eager" else "hybrid") if A.gen == "auto" else A.gen
SR = A.rounding == "sr" and A.format != "none"
if A.data == "joint" and A.format != "none":
    A.sites = A.sites.replace("d", "")
torch.backends.cuda.matmul.allow_tf32 = A.precision == "tf32"
f32 = torch.float32


def sync():
    if CUDA:
        torch.cuda.synchronize()


# ---------------------------------------------------------------- quantizers
def pow2_floor(ax, emin):
    u = ax.view(torch.int32) & 0x7F800000
    return u.clamp_min((127 + emin) << 23).view(f32)


def rnd(t):
    return torch.floor(t + torch.rand_like(t)) if SR else torch.round(t)


def q_e4m3(x):
    u = pow2_floor(x.abs(), -6) * 0.125
    return (rnd(x / u) * u).clamp(-448.0, 448.0)


def q_e4m3cast(x):
    return x.clamp(-448.0, 448.0).to(torch.float8_e4m3fn).to(f32)


def q_int8(x):
    return rnd(x * 32.0).clamp(-127.0, 127.0) * (1 / 32)


def q_mxfp4(x, block=32):
    n = x.shape[-1]
    b = min(block, n)
    pad = (-n) % b
    xp = torch.nn.functional.pad(x, (0, pad)) if pad else x
    xb = xp.reshape(*xp.shape[:-1], -1, b)
    scale = pow2_floor(xb.abs().amax(-1, keepdim=True), -120) * 0.25
    s = xb / scale
    u = pow2_floor(s.abs(), 0) * 0.5
    q = (rnd(s / u) * u).clamp(-6.0, 6.0) * scale
    q = q.reshape(xp.shape)
    return q[..., :n] if pad else q


QF = {"none": lambda x: x, "e4m3": q_e4m3, "e4m3cast": q_e4m3cast, "int8": q_int8, "mxfp4": q_mxfp4}[A.format]


def Q(site, x):
    return QF(x) if site in A.sites else x


def schedule(T):
    K = max(1, int(np.ceil(T / max(1.0, np.log2(T)))))
    return (A.gamma * 0.5 ** (np.arange(T) // K)).astype(np.float32)


def bmm_t(a, b):  # (R|1,C,D) x (R,M,D) -> (R,C,M)
    if A.precision == "bf16":
        a, b = a.to(torch.bfloat16), b.to(torch.bfloat16)
    if a.dim() == 2:  # shared X: one GEMM against every run's S
        R, M, D = b.shape
        z = (a @ b.reshape(R * M, D).T).reshape(a.shape[0], R, M).transpose(0, 1)
    else:
        z = torch.bmm(a, b.transpose(1, 2))
    return z.to(f32)


# ---------------------------------------------------------------- stages
def setup(lam, R, D, M):
    w = torch.randn(1 if A.data == "shared" else R, D, device=DEV)
    S = torch.randn(R, M, D, device=DEV) * M ** -0.5
    L = None
    if A.data == "joint":
        F = torch.cat([S, w[:, None]], 1) * lam.sqrt()
        if A.factor == "qr":
            L = torch.linalg.qr(F.transpose(1, 2), mode="r").R.transpose(1, 2).contiguous()
        else:
            L = torch.linalg.cholesky(torch.bmm(F, F.transpose(1, 2)))
    return w, S, L


def prep_full(G, E, lam_sqrt, w):
    X = G * lam_sqrt
    return Q("d", X), (X * w[:, None]).sum(-1) + A.sigma * E


def prep_shared(G, E, lam_sqrt, w):
    X = G * lam_sqrt
    return Q("d", X), (X @ w[0])[None] + A.sigma * E


def gen_full(lam_sqrt, w, R, C, D, prep=prep_full):
    return prep(torch.randn(R, C, D, device=DEV), torch.randn(R, C, device=DEV), lam_sqrt, w)


def gen_shared(lam_sqrt, w, R, C, D, prep=prep_shared):
    return prep(torch.randn(C, D, device=DEV), torch.randn(R, C, device=DEV), lam_sqrt, w)


def gen_joint(L, R, C, M):
    zy = torch.bmm(torch.randn(R, C, M + 1, device=DEV), L.transpose(1, 2))
    return zy[..., :M], zy[..., M] + A.sigma * torch.randn(R, C, device=DEV)


def quant_f(Z, y, B):
    R, C, M = Z.shape
    return Q("f", Z).reshape(R, C // B, B, M), Q("l", y.reshape(R, C // B, B))


def sgd_steps(v, Z, y, g):
    """v (R,M); Z (R,U,B,M); y (R,U,B); g (U,) holds gamma_t/B."""
    for t in range(Z.shape[1]):
        z = Z[:, t]
        a = Q("a", (z * Q("p", v).unsqueeze(1)).sum(-1))
        r = Q("o", y[:, t] - a)
        v = v + g[t] * (r.unsqueeze(-1) * z).sum(1)
    return v


def risk_of(v, S, w, lam):
    e = (S * v.unsqueeze(-1)).sum(1) - w
    return (lam * e * e).sum(-1)


if SCAN == "triton":
    import triton
    import triton.language as tl

    @triton.jit
    def _pf(ax, emin: tl.constexpr):
        u = ax.to(tl.int32, bitcast=True) & 0x7F800000
        return tl.maximum(u, (127 + emin) << 23).to(tl.float32, bitcast=True)

    @triton.jit
    def _rnd(t, u, SRC: tl.constexpr):
        if SRC:
            return tl.floor(t + u)
        else:
            return (t + 12582912.0) - 12582912.0

    @triton.jit
    def _q(x, amax, u, FMT: tl.constexpr, SRC: tl.constexpr):
        if FMT == 1:    # e4m3
            k = _pf(tl.abs(x), -6) * 0.125
            return tl.minimum(tl.maximum(_rnd(x / k, u, SRC) * k, -448.0), 448.0)
        elif FMT == 2:  # int8, step 1/32
            t = tl.minimum(tl.maximum(x * 32.0, -127.0), 127.0)
            return _rnd(t, u, SRC) * 0.03125
        elif FMT == 3:  # mxfp4
            sc = _pf(amax, -120) * 0.25
            s = x / sc
            k = _pf(tl.abs(s), 0) * 0.5
            return tl.minimum(tl.maximum(_rnd(s / k, u, SRC) * k, -6.0), 6.0) * sc
        else:
            return x

    @triton.jit
    def sgd_kernel(v_ptr, z_ptr, y_ptr, g_ptr, seed, T, B: tl.constexpr, M: tl.constexpr, MB: tl.constexpr,
                   BL: tl.constexpr, FMT: tl.constexpr, FP: tl.constexpr, FA: tl.constexpr, FO: tl.constexpr,
                   SRC: tl.constexpr):
        run = tl.program_id(0).to(tl.int64)
        idx = tl.arange(0, MB)[:, None] * BL + tl.arange(0, BL)[None, :]
        msk = idx < M
        v = tl.load(v_ptr + run * M + idx, mask=msk, other=0.0)
        zb = z_ptr + run * T * B * M
        yb = y_ptr + run * T * B
        for t in range(0, T):
            p = v
            if FP:
                u = tl.rand(seed, ((run * T + t) * (M + 2)).to(tl.int32) + idx) if SRC else v
                am = tl.max(tl.abs(v), 1)[:, None]
                p = _q(v, am, u, FMT, SRC)
            acc = tl.zeros([MB, BL], tl.float32)
            for j in range(0, B):
                z = tl.load(zb + (t * B + j) * M + idx, mask=msk, other=0.0)
                yy = tl.load(yb + t * B + j)
                a = tl.sum(tl.sum(z * p, 1), 0)
                if FA:
                    ua = tl.rand(seed, ((run * T + t) * (M + 2)).to(tl.int32) + M) if SRC else a
                    a = _q(a, tl.abs(a), ua, FMT, SRC)
                r = yy - a
                if FO:
                    uo = tl.rand(seed, ((run * T + t) * (M + 2)).to(tl.int32) + M + 1) if SRC else r
                    r = _q(r, tl.abs(r), uo, FMT, SRC)
                acc += r * z
            v = v + tl.load(g_ptr + t) * acc
        tl.store(v_ptr + run * M + idx, v, mask=msk)

    FMT_ID = {"none": 0, "e4m3": 1, "e4m3cast": 1, "int8": 2, "mxfp4": 3}[A.format]

    def triton_scan(v, Z, y, g, warps, seed=0):
        R, T, B, M = Z.shape
        assert B == 1 or FMT_ID != 3, "mxfp4 blocks along the batch are not in the Triton kernel"
        bl = min(32, M)
        on = FMT_ID > 0
        sgd_kernel[(R,)](v, Z, y, g, seed, T, B, M, triton.next_power_of_2(-(-M // bl)), bl, FMT_ID,
                         on and "p" in A.sites, on and "a" in A.sites, on and "o" in A.sites, SR, num_warps=warps)
        return v


# ---------------------------------------------------------------- engine
class Engine:
    def __init__(self, D, M, N, R, B):
        self.D, self.M, self.N, self.R, self.B = D, M, N, R, B
        lim = (1 << 31) if CUDA else (1 << 28)  # bytes of X per chunk
        C = A.chunk or (min(N, 4 * lim // (4 * (M + 1) * R)) if A.data == "joint"
                        else min(N, 1000 if CUDA else 250, lim // (4 * D * R)))
        while (N // B) % A.unroll:  # a block of steps must divide the run
            A.unroll -= 1
        unit = B * (A.unroll if SCAN in ("compile", "graph") else 1)
        C = max(unit, C - C % unit)
        while N % C and C > unit:
            C -= unit
        assert N % C == 0, f"N={N} must be a multiple of batch*unroll={unit}"
        self.C, self.nch = C, N // C
        self.lam = torch.as_tensor((np.arange(1, D + 1, dtype=np.float64) ** -A.a).astype(np.float32), device=DEV)
        self.ls = self.lam.sqrt()
        self.g = torch.as_tensor(schedule(N // B), device=DEV) / B
        cmp = (lambda f: torch.compile(f, fullgraph=True, dynamic=False))
        wrap = cmp if GEN == "compile" else (lambda f: f)
        self.gen = wrap({"full": gen_full, "shared": gen_shared, "joint": gen_joint}[A.data])
        if GEN == "hybrid" and A.data != "joint":  # eager randn (fast on a CPU), the rest fused
            f, prep = (gen_full, cmp(prep_full)) if A.data == "full" else (gen_shared, cmp(prep_shared))
            self.gen = lambda *a: f(*a, prep=prep)
        self.qf = cmp(quant_f) if SCAN != "eager" else quant_f
        self.risk = cmp(risk_of) if GEN == "compile" else risk_of
        self.steps = cmp(sgd_steps) if SCAN in ("compile", "graph") else sgd_steps
        self.v = torch.zeros(R, M, device=DEV)
        self.warps = A.warps or 1
        if SCAN == "graph":
            T = C // B
            self.sZ = torch.zeros(R, T, B, M, device=DEV)
            self.sy = torch.zeros(R, T, B, device=DEV)
            self.sg = torch.zeros(T, device=DEV)
            self.st = torch.cuda.Stream()
            with torch.cuda.stream(self.st):
                for _ in range(2):
                    self._loop(self.v, self.sZ, self.sy, self.sg)
            torch.cuda.synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.v.copy_(self._loop(self.v, self.sZ, self.sy, self.sg))
        elif SCAN == "triton" and CUDA and not A.warps:
            Z = torch.randn(R, C // B, B, M, device=DEV); y = torch.randn(R, C // B, B, device=DEV)
            best = []
            for wp in (1, 2, 4):
                triton_scan(self.v, Z, y, self.g[: C // B], wp); sync()
                t0 = time.perf_counter(); triton_scan(self.v, Z, y, self.g[: C // B], wp); sync()
                best.append((time.perf_counter() - t0, wp))
            self.warps = min(best)[1]

    def _loop(self, v, Z, y, g):
        U = A.unroll if SCAN in ("compile", "graph") else Z.shape[1]
        for s in range(0, Z.shape[1], U):
            v = self.steps(v, Z[:, s:s + U], y[:, s:s + U], g[s:s + U])
        return v

    def scan(self, v, Z, y, g):
        if SCAN == "triton":
            return triton_scan(v, Z.contiguous(), y.contiguous(), g, self.warps)
        if SCAN == "graph" and Z.shape == self.sZ.shape:
            self.v.copy_(v); self.sZ.copy_(Z); self.sy.copy_(y); self.sg.copy_(g)
            self.graph.replay()
            return self.v
        return self._loop(v, Z, y, g)

    def gen_chunk(self, w, L):
        if A.data == "joint":
            return self.gen(L, self.R, self.C, self.M)
        return self.gen(self.ls, w, self.R, self.C, self.D)

    @torch.no_grad()
    def run(self):
        w, S, L = setup(self.lam, self.R, self.D, self.M)
        v = self.v.zero_()
        T = self.C // self.B
        for c in range(self.nch):
            X, y = self.gen_chunk(w, L)
            Z = X if A.data == "joint" else bmm_t(X, S)
            Z, yq = self.qf(Z, y, self.B)
            v = self.scan(v, Z, yq, self.g[c * T:(c + 1) * T])
        return self.risk(v, S, w, self.lam)

    @torch.no_grad()
    def stages(self, n):
        def timeit(f):
            f(); sync()
            ts = []
            for _ in range(n):
                t0 = CLOCK(); r = f(); sync()
                ts.append(CLOCK() - t0)
            return float(np.median(ts)), r
        out = {}
        t, (w, S, L) = timeit(lambda: setup(self.lam, self.R, self.D, self.M)); out["setup_S"] = t
        t, (X, y) = timeit(lambda: self.gen_chunk(w, L)); out["gen+quant_d"] = t * self.nch
        if A.data == "joint":
            Z = X
        else:
            t, Z = timeit(lambda: bmm_t(X, S)); out["proj"] = t * self.nch
        t, (Z, y) = timeit(lambda: self.qf(Z, y, self.B)); out["quant_f"] = t * self.nch
        g = self.g[: self.C // self.B]
        t, v = timeit(lambda: self.scan(torch.zeros_like(self.v), Z, y, g)); out["scan"] = t * self.nch
        t, _ = timeit(lambda: self.risk(v, S, w, self.lam)); out["risk"] = t
        return out


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


@torch.no_grad()
def check(eng):
    D, M, N, R, B = 256, 32, 256, 2, A.batch
    rng = np.random.default_rng(1234)
    lam = (np.arange(1, D + 1, dtype=np.float64) ** -A.a).astype(np.float32)
    X = rng.standard_normal((R, N, D), dtype=np.float32) * np.sqrt(lam)
    S = rng.standard_normal((R, M, D), dtype=np.float32) / np.float32(np.sqrt(M))
    w = rng.standard_normal((R, D), dtype=np.float32)
    noise = np.float32(A.sigma) * rng.standard_normal((R, N), dtype=np.float32)
    y = (np.einsum("rnd,rd->rn", X, w) + noise).astype(np.float32)
    t = lambda x: torch.as_tensor(x, device=DEV)
    Z, yq = quant_f(bmm_t(Q("d", t(X)), t(S)), t(y), B)
    g = t(schedule(N // B)) / B
    v0 = torch.zeros(R, M, device=DEV)
    if SCAN == "triton":
        v = triton_scan(v0, Z.contiguous(), yq.contiguous(), g, eng.warps)
    else:
        v = sgd_steps(v0, Z, yq, g) if SCAN == "eager" or Z.shape[1] % A.unroll else eng._loop(v0, Z, yq, g)
    got = risk_of(v, t(S), t(w), t(lam)).double().cpu().numpy()
    ref = np.array([np_reference(X[i], y[i], S[i], w[i], lam, B) for i in range(R)])
    return dict(check=[float(x) for x in got], check_ref=[float(x) for x in ref],
                check_rel=float(np.max(np.abs(got - ref) / np.abs(ref))))


def main():
    torch.manual_seed(A.seed)
    t0 = time.perf_counter()
    eng = Engine(A.D, A.M, A.N, A.R, A.batch)
    eng.run(); sync()
    first = time.perf_counter() - t0
    ts, cpu, risks = [], [], []
    for _ in range(A.repeats):
        sync(); t0, c0 = time.perf_counter(), time.process_time()
        r = eng.run(); sync()
        ts.append(time.perf_counter() - t0)
        cpu.append(time.process_time() - c0)
        risks.append(r.clone())
    t = float(np.median(ts))
    rk = torch.cat(risks).double().cpu().numpy()
    rec = dict(peer="torch", version=torch.__version__, device=torch.cuda.get_device_name() if CUDA else "cpu",
               D=A.D, M=A.M, N=A.N, R=A.R, batch=A.batch, format=A.format, rounding=A.rounding, sites=A.sites,
               data=A.data, precision=A.precision, scan=SCAN, gen=GEN, unroll=A.unroll, chunk=eng.C,
               warps=eng.warps, runs_per_s=A.R / t, sgd_steps_per_s=A.R * (A.N // A.batch) / t,
               sample_features_per_s=A.R * A.N * A.M / t, time_s=t, cpu_s=float(np.median(cpu)), time_all_s=ts,
               first_call_s=first,
               risk_mean=float(rk.mean()), risk_se=float(rk.std() / np.sqrt(rk.size)))
    if not A.no_stages:
        rec["stages_s"] = eng.stages(max(3, A.repeats))
    if not A.no_check and not SR:
        rec.update(check(eng))
    print(json.dumps(rec))


if __name__ == "__main__":
    main()
