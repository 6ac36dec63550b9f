"use strict";

// Asks a WebGPU device what a bundle holds, and compares what comes back, word by word.
class Host {
  // `answers` unpacks those of a case.
  constructor(device, bundle, words, answers) {
    Object.assign(this, { device, bundle, words, answers, pipelines: new Map() });
    this.tables = this.buffer(bundle.tables[1], bundle.tables);
  }

  // The words of a span: [first, how many].
  span([first, count]) {
    return this.words.subarray(first, first + count);
  }

  // A storage buffer, zeroed where nothing fills it, which a shorter fill does again and again. A kernel binds no fewer than
  // four words.
  buffer(count, fill) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.device.createBuffer({ size: 4 * Math.max(count, 4), usage });
    for (let at = 0; fill && at < count; at += fill[1]) {
      this.device.queue.writeBuffer(buffer, 4 * at, this.span(fill));
    }
    return buffer;
  }

  text(shader) {
    return shader.text.map((part) => this.bundle.parts[part]).join("");
  }

  pipeline(number) {
    if (!this.pipelines.has(number)) this.pipelines.set(number, this.compile(this.bundle.shaders[number]));
    return this.pipelines.get(number);
  }

  async compile(shader) {
    const type = (readOnly) => ({ type: readOnly ? "read-only-storage" : "storage" });
    const entries = shader.read_only.map((readOnly, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: type(readOnly),
    }));
    const layout = this.device.createBindGroupLayout({ entries });
    const module = this.device.createShaderModule({ code: this.text(shader) });
    const info = await module.getCompilationInfo();
    const error = info.messages.find((message) => message.type === "error");
    if (error) throw new Error(`${shader.kernel}.wgsl, line ${error.lineNum}: ${error.message}`);
    const pipeline = await this.device.createComputePipelineAsync({
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    return { layout, pipeline };
  }

  // Puts a dispatch into a pass.
  async dispatch(pass, step, buffers, made) {
    const { layout, pipeline } = await this.pipeline(step.dispatch);
    const params = this.buffer(step.params[1], step.params);
    made.push(params);
    const bound = [params, this.tables, ...step.buffers.map((number) => buffers[number])];
    const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.device.createBindGroup({ layout, entries }));
    for (let time = 0; time < step.times; time++) pass.dispatchWorkgroups(...step.groups);
  }

  // Words of ranges [buffer, first, how many], one after the other.
  async read(ranges, buffers) {
    const count = ranges.reduce((sum, [, , words]) => sum + words, 0);
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = this.device.createBuffer({ size: 4 * count, usage });
    const encoder = this.device.createCommandEncoder();
    let at = 0;
    for (const [buffer, first, words] of ranges) {
      encoder.copyBufferToBuffer(buffers[buffer], 4 * first, staging, 4 * at, 4 * words);
      at += words;
    }
    this.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const found = new Uint32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return found;
  }

  // Runs the steps; `got(step, found)` gets every answer and says whether to go on.
  async steps(recorded, got) {
    const buffers = recorded.buffers.map(({ words, fill }) => this.buffer(words, fill));
    const made = [...buffers];
    this.device.pushErrorScope("validation");
    this.device.pushErrorScope("out-of-memory");
    try {
      for (const step of recorded.steps) {
        if ("write" in step) {
          this.device.queue.writeBuffer(buffers[step.write], 0, this.span(step.words));
        } else if ("read" in step) {
          if (!got(step, await this.read(step.read, buffers))) break;
        } else {
          await this.pipeline(step.dispatch);
          const encoder = this.device.createCommandEncoder();
          const pass = encoder.beginComputePass();
          await this.dispatch(pass, step, buffers, made);
          pass.end();
          this.device.queue.submit([encoder.finish()]);
        }
      }
    } finally {
      made.forEach((buffer) => buffer.destroy());
      const errors = [await this.device.popErrorScope(), await this.device.popErrorScope()];
      const error = errors.find((error) => error);
      if (error) throw new Error(error.message);
    }
  }

  // The first difference of a case, or null.
  async difference(recorded) {
    let difference = null;
    const answers = new Uint32Array(await this.answers(recorded));
    await this.steps(recorded, (step, found) => {
      const must = answers.subarray(step.must[0], step.must[0] + step.must[1]);
      const at = found.findIndex((word, place) => word !== must[place]);
      if (at >= 0) difference = this.explain(recorded, step, found, must, at);
      return at < 0;
    });
    return difference;
  }

  // Both words where they differ, and what they stand for.
  explain(recorded, step, found, must, at) {
    let place = at;
    const range = step.read.find(([, , words]) => (place < words ? true : ((place -= words), false)));
    const name = recorded.buffers[range[0]].label;
    const word = range[1] + place;
    const lines = [`${name}, word ${word}`];
    const input = recorded.buffers.find((buffer) => buffer.label === "input" && buffer.fill);
    if (input && name === "result") {
      const bits = this.span(input.fill)[Math.floor(word / 3)];
      lines.push(`${["value", "code", "flags"][word % 3]} of input ${float(bits)} ${hex(bits)}`);
    }
    const show = (bits) => `${hex(bits)} (${float(bits)})`;
    lines.push(`device: ${show(found[at])}`, `must be: ${show(must[at])}`);
    return lines;
  }

  // A clock for one pass at a time.
  stamps() {
    const { device } = this;
    const set = device.createQuerySet({ type: "timestamp", count: 2 });
    const buffer = (usage) => device.createBuffer({ size: 16, usage });
    const resolved = buffer(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
    const staging = buffer(GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    return {
      writes: { querySet: set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
      resolve(encoder) {
        encoder.resolveQuerySet(set, 0, 2, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
      },
      async seconds() {
        await staging.mapAsync(GPUMapMode.READ);
        const [begun, ended] = new BigUint64Array(staging.getMappedRange().slice(0));
        staging.unmap();
        return Number(ended - begun) * 1e-9;
      },
      destroy() {
        [set, resolved, staging].forEach((own) => own.destroy());
      },
    };
  }

  // What the probe of the arithmetic shows.
  async fingerprint() {
    const names = [];
    await this.steps(this.bundle.fingerprint, (step, found) => {
      for (const { named, otherwise } of this.bundle.fingerprint.traits) {
        const own = named.find(([shown]) => shown.every(([at, word]) => found[at] === word));
        const [text, word] = otherwise;
        names.push(own ? own[1] : text + (word === null ? "" : found[word]));
      }
      return true;
    });
    return names.join(",");
  }
}

const view = new DataView(new ArrayBuffer(4));

function float(bits) {
  view.setUint32(0, bits);
  return String(view.getFloat32(0));
}

function hex(bits) {
  return "0x" + bits.toString(16).padStart(8, "0");
}
