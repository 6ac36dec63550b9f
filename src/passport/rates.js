"use strict";

// Seconds that a measurement lasts at least, and what a repeat should last so that its begin and end do not count.
const SECONDS = 1;
const LONG = 0.02;

// The rows of one recorded work: kernels by name with the elements that each has, timed in the same repeats.
async function measured(host, rate) {
  let verified = true;
  await host.steps(rate, (step, found) => (verified &= same(sum(found), step.must)));
  const dispatches = rate.steps.filter((step) => "dispatch" in step);
  const kernels = new Set(rate.rows.map(({ kernel }) => kernel));
  const repeats = [];
  let times = 1;
  const begun = performance.now();
  while (repeats.length < 3 || (performance.now() - begun < 1000 * SECONDS && repeats.length < 1000)) {
    const seconds = await timed(host, rate, dispatches, kernels, times);
    const longest = Math.max(...seconds.values());
    // What is too short for the clock is done several times in a repeat.
    if (longest < LONG && times < 4096 && rate.again) {
      times *= 4;
      repeats.length = 0;
    } else repeats.push(seconds);
  }
  return rate.rows.map(({ kernel, work, ...row }) => {
    const seconds = repeats.map((repeat) => repeat.get(kernel) / times).sort((a, b) => a - b);
    const at = (share) => seconds[Math.round(share * (seconds.length - 1))];
    const median = Math.max(at(0.5), 1e-9);
    const iqr = at(0.75) - at(0.25);
    const value = work / median;
    const none = { bound: null, bound_by: null, share: null };
    return { ...row, value, ...none, verified: Boolean(verified), median, iqr, repeats: seconds.length };
  });
}

// Seconds of each kernel in the dispatches, in order, each so often: by timestamps, else by the clock around a submission.
async function timed(host, rate, dispatches, kernels, times) {
  const seconds = new Map([...kernels].map((kernel) => [kernel, 0]));
  const buffers = rate.buffers.map(({ words, fill }) => host.buffer(words, fill));
  const made = [...buffers];
  const stamps = host.device.features.has("timestamp-query") ? host.stamps() : null;
  for (const step of dispatches) {
    await host.pipeline(step.dispatch);
    const encoder = host.device.createCommandEncoder();
    const pass = encoder.beginComputePass(stamps ? { timestampWrites: stamps.writes } : {});
    await host.dispatch(pass, { ...step, times: step.times * times }, buffers, made);
    pass.end();
    stamps?.resolve(encoder);
    const begun = performance.now();
    host.device.queue.submit([encoder.finish()]);
    await host.device.queue.onSubmittedWorkDone();
    const kernel = host.bundle.shaders[step.dispatch].kernel;
    const took = stamps ? await stamps.seconds() : (performance.now() - begun) / 1000;
    if (seconds.has(kernel)) seconds.set(kernel, seconds.get(kernel) + took);
  }
  made.forEach((buffer) => buffer.destroy());
  stamps?.destroy();
  return seconds;
}

const mixed = (x) => {
  const a = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return (b ^ (b >>> 16)) >>> 0;
};

// Two words that depend on all words and their places: twin of `sum` in bundle.rs.
function sum(words) {
  let [a, b] = [0, 0];
  words.forEach((word, place) => {
    const one = mixed((word + mixed(place)) >>> 0);
    a = (a + one) >>> 0;
    b = (b + mixed((one ^ 0x9e3779b9) >>> 0)) >>> 0;
  });
  return [a, b];
}

const same = ([a, b], [c, d]) => a === c && b === d;
