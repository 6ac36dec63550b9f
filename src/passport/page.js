"use strict";

const byId = (id) => document.getElementById(id);
const state = (text) => (byId("state").textContent = text);

// Bytes from base64 and gzip.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// The device of this browser, with no more than every browser has.
async function open() {
  if (!navigator.gpu) throw new Error("this browser has no WebGPU here: take a current one, over https or from a file");
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("this browser offers no GPU: its settings may have turned it off");
  const wanted = ["subgroups", "timestamp-query"];
  const device = await adapter.requestDevice({ requiredFeatures: wanted.filter((name) => adapter.features.has(name)) });
  return { adapter, device };
}

// What the page says of the device; what a browser cannot know is null.
async function head(adapter, host) {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = adapter.info;
  const names = [description, [vendor, architecture, device].filter((name) => name).join(" ")];
  const sizes = subgroupMinSize ? `,subgroups-${subgroupMinSize}-${subgroupMaxSize}` : "";
  return {
    adapter: `${names.find((name) => name) || "a GPU"} (browser)`,
    processor: null,
    cores: navigator.hardwareConcurrency || null,
    memory: null,
    driver: null,
    pci: null,
    fingerprint: (await host.fingerprint()) + sizes,
    version: host.bundle.version,
    clock: host.device.features.has("timestamp-query") ? "timestamps" : "wall",
    digest: null,
    browser: navigator.userAgent,
  };
}

// One case: passed, failed with lines, or unsupported with a reason.
async function verdict(host, recorded) {
  const { name, compared } = recorded;
  if (recorded.subgroups && !host.device.features.has("subgroups")) {
    return { name, verdict: "unsupported", compared: 0, detail: ["this browser has no subgroups here"] };
  }
  try {
    const difference = await host.difference(recorded);
    if (difference) return { name, verdict: "fail", compared: 0, detail: difference };
    return { name, verdict: "pass", compared, detail: [] };
  } catch (error) {
    return { name, verdict: "fail", compared: 0, detail: [String(error.message || error)] };
  }
}

function show(result) {
  const { adapter, fingerprint, browser, cases } = result;
  const list = element("dl");
  for (const [name, text] of Object.entries({ adapter, fingerprint, browser })) {
    list.append(element("dt", name), element("dd", text));
  }
  byId("device").replaceChildren(list);
  const count = (word) => cases.filter(({ verdict }) => verdict === word).length;
  const [passed, failed, unsupported] = ["pass", "fail", "unsupported"].map(count);
  const rest = unsupported ? `, ${unsupported} unsupported` : "";
  byId("verdict").replaceChildren(element("p", `${passed} cases passed, ${failed} failed${rest}`, failed ? "warning" : ""));
  const failures = cases.filter(({ verdict }) => verdict === "fail").map(({ name, detail }) => {
    const block = element("div");
    block.append(element("h3", name, "failed"), element("pre", detail.join("\n")));
    return block;
  });
  byId("failures").replaceChildren(...failures);
  const groups = new Map();
  for (const own of cases) {
    const group = own.name.split("/").slice(0, 2).join("/");
    groups.set(group, [...(groups.get(group) || []), own]);
  }
  const shown = [...groups].map(([group, own]) => {
    const all = own.every(({ verdict }) => verdict === "pass");
    const block = element("details");
    block.append(element("summary", `${group}: ${own.filter(({ verdict }) => verdict === "pass").length} of ${own.length}`, all ? "passed" : ""));
    own.forEach(({ name, verdict }) => block.append(element("div", `${name}: ${verdict}`)));
    return block;
  });
  byId("groups").replaceChildren(...shown);
}

function rates(rows) {
  if (!rows.length) return;
  const table = element("table");
  const line = (kind, texts) => {
    const made = element("tr");
    made.append(...texts.map((text, place) => element(kind, text, place > 2 ? "n" : "")));
    return made;
  };
  table.append(line("th", ["kernel", "format", "size", "rate", "unit", "bits"]));
  for (const { name, format, size, value, unit, verified } of rows) {
    table.append(line("td", [name, format || "", size, value.toPrecision(3), unit, verified ? "right" : "wrong"]));
  }
  const block = element("div", undefined, "table");
  block.append(table);
  byId("rates").replaceChildren(element("h2", "Rates"), block);
}

async function run(bundle, words, filter) {
  const { adapter, device } = await open();
  let lost = null;
  device.lost.then(({ message }) => (lost = message || "the device was lost"));
  const host = new Host(device, bundle, words, (recorded) => unpacked(recorded.answers));
  const result = { ...(await head(adapter, host)), cases: [], rows: [] };
  const wanted = bundle.cases.filter(({ name }) => name.includes(filter));
  const [begun, progress] = [performance.now(), byId("progress")];
  progress.hidden = false;
  for (const [at, recorded] of wanted.entries()) {
    const left = at ? ((performance.now() - begun) / at) * (wanted.length - at) / 1000 : null;
    state(`${recorded.name}: case ${at + 1} of ${wanted.length}` + (left === null ? "" : `, ${Math.ceil(left)} s left`));
    progress.value = at / wanted.length;
    result.cases.push(await verdict(host, recorded));
    if (lost) throw new Error(`${recorded.name}: ${lost}`);
    if (result.cases.at(-1).verdict === "fail") show(result);
  }
  show(result);
  const timed = bundle.rates.filter(({ name }) => name.includes(filter));
  for (const [at, rate] of timed.entries()) {
    state(`${rate.name}: ${at + 1} of ${timed.length} that are timed`);
    result.rows.push(...(await measured(host, rate)));
    rates(result.rows);
  }
  progress.hidden = true;
  state(`Done in ${Math.round((performance.now() - begun) / 1000)} s.`);
  device.destroy();
  return result;
}

function save(result) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], { type: "application/json" }));
  const link = element("a");
  Object.assign(link, { href: url, download: "passport.json" }).click();
  URL.revokeObjectURL(url);
}

async function main() {
  const bundle = JSON.parse(new TextDecoder().decode(await unpacked(byId("bundle").textContent)));
  const words = new Uint32Array(await unpacked(byId("words").textContent));
  const asked = new URLSearchParams(location.search);
  const [start, saved] = [byId("start"), byId("save")];
  byId("filter").value = asked.get("filter") || "";
  state(`${bundle.cases.length} cases of roundlaw ${bundle.version}.`);
  let result = null;
  const go = async () => {
    start.disabled = true;
    saved.hidden = true;
    try {
      result = await run(bundle, words, byId("filter").value.trim());
      saved.hidden = false;
    } catch (error) {
      result = { error: String(error.message || error) };
      state(`Stopped: ${result.error}`);
    }
    start.disabled = false;
    // For who drives the page, as a test does.
    if (asked.has("post")) await fetch(asked.get("post"), { method: "POST", body: JSON.stringify(result) });
  };
  start.onclick = go;
  saved.onclick = () => save(result);
  start.disabled = false;
  if (asked.has("post")) await go();
}

main().catch((error) => state(`Stopped: ${error.message || error}`));
