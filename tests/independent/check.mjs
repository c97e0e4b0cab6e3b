// Checks a C2SP tiled log over HTTP with nothing but node:crypto, from the texts of the specifications alone
// (c2sp.org/signed-note, tlog-checkpoint, tlog-tiles; RFC 6962 §2.1): checkpoint, every tile, every entry, inclusion,
// consistency.
//
//   node check.mjs VKEY URL...
//
// One line for each URL: `ok SIZE TILES ENTRIES INCLUSIONS CONSISTENCIES`, or `refused REASON`. Consistency is checked
// with every log of the same call that was accepted before and is not larger.
import { createHash, createPublicKey, verify } from "node:crypto";

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const ZERO = Buffer.from([0]), ONE = Buffer.from([1]);
const node = (left, right) => sha256(ONE, left, right);
const must = (condition, reason) => { if (!condition) throw new Error(reason); };

async function get(url) {
  const answer = await fetch(url);
  must(answer.status === 200, `${url}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

function base64(text) {
  const bytes = Buffer.from(text, "base64");
  must(bytes.toString("base64") === text, "bad base64");
  return bytes;
}

function openCheckpoint(bytes, vkey) {
  const [, name, id, key] = vkey.match(/^([^+]+)\+([0-9a-f]{8})\+(.+)$/);
  const typed = base64(key);
  must(typed.length === 33 && typed[0] === 1, "not an Ed25519 key");
  must(sha256(name, "\n", typed).subarray(0, 4).toString("hex") === id, "the key id is another");
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), typed.subarray(1)]);
  const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });

  const note = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const at = note.lastIndexOf("\n\n");
  must(at >= 0 && note.endsWith("\n") && !/[\x00-\x09\x0b-\x1f]/.test(note), "not a signed note");
  const text = note.slice(0, at + 1);
  let signed = false;
  for (const line of note.slice(at + 2, -1).split("\n")) {
    const [, signer, blob] = line.match(/^\u2014 ([^\s+]+) (\S+)$/) ?? [];
    must(signer, "bad signature line");
    const signature = base64(blob);
    if (signer !== name || signature.subarray(0, 4).toString("hex") !== id) continue;
    must(verify(null, Buffer.from(text), publicKey, signature.subarray(4)), "the signature does not verify");
    signed = true;
  }
  must(signed, "not signed by the key");
  const lines = text.split("\n");
  must(lines.length === 4 && lines[0] === name && /^(0|[1-9]\d*)$/.test(lines[1]), "not a checkpoint of this log");
  const root = base64(lines[2]);
  must(root.length === 32, "bad root");
  return { size: Number(lines[1]), root };
}

const groups = (n) => (n < 1000 ? "" : groups3(Math.floor(n / 1000))) + String(n % 1000).padStart(3, "0");
const groups3 = (n) => (n < 1000 ? "" : groups3(Math.floor(n / 1000))) + `x${String(n % 1000).padStart(3, "0")}/`;
const path = (level, n, width) => `tile/${level}/${groups(n)}${width < 256 ? `.p/${width}` : ""}`;

/** Widths of the tiles of one level over `count` hashes. */
const widths = (count) => Array.from({ length: Math.ceil(count / 256) }, (_, n) => Math.min(256, count - 256 * n));

/** The perfect subtrees over all leaves by height, `nodes[height][i]`: what every root and proof is made of. */
function perfect(leaves) {
  const nodes = [leaves];
  for (let row = leaves; row.length > 1; row = nodes.at(-1)) {
    nodes.push(Array.from({ length: row.length >> 1 }, (_, i) => node(row[2 * i], row[2 * i + 1])));
  }
  return nodes;
}

const split = (n) => { let k = 1; while (k * 2 < n) k *= 2; return k; };

/** RFC 6962 §2.1: the root of leaves `from..to`. */
function root(nodes, from, to) {
  const n = to - from;
  if (n === 0) return sha256("");
  const height = Math.log2(n);
  if (Number.isInteger(height) && from % n === 0) return nodes[height][from / n];
  const k = split(n);
  return node(root(nodes, from, from + k), root(nodes, from + k, to));
}

/** RFC 6962 §2.1.1 and §2.1.2: PATH and SUBPROOF. */
function pathTo(nodes, m, from, to) {
  if (to - from === 1) return [];
  const k = from + split(to - from);
  return m < k ? [...pathTo(nodes, m, from, k), root(nodes, k, to)] : [...pathTo(nodes, m, k, to), root(nodes, from, k)];
}
function subproof(nodes, m, from, to, whole) {
  if (m === to) return whole ? [] : [root(nodes, from, to)];
  const k = from + split(to - from);
  return m <= k
    ? [...subproof(nodes, m, from, k, whole), root(nodes, k, to)]
    : [...subproof(nodes, m, k, to, false), root(nodes, from, k)];
}

/** RFC 9162 §2.1.3.2 and §2.1.4.2: the verifiers' sides. */
function included(index, size, leaf, proof, wanted) {
  let [f, s, r] = [index, size - 1, leaf];
  for (const c of proof) {
    if (s === 0) return false;
    if (f % 2 === 1 || f === s) {
      r = node(c, r);
      while (f % 2 === 0 && f !== 0) [f, s] = [f >> 1, s >> 1];
    } else r = node(r, c);
    [f, s] = [f >> 1, s >> 1];
  }
  return s === 0 && r.equals(wanted);
}
function consistent(older, newer, proof) {
  if (older.size === newer.size) return proof.length === 0 && older.root.equals(newer.root);
  if (older.size === 0) return proof.length === 0;
  let [f, s] = [older.size - 1, newer.size - 1];
  const all = Number.isInteger(Math.log2(older.size)) ? [older.root, ...proof] : proof;
  while (f % 2 === 1) [f, s] = [f >> 1, s >> 1];
  let [x, y] = [all[0], all[0]];
  for (const c of all.slice(1)) {
    if (s === 0) return false;
    if (f % 2 === 1 || f === s) {
      [x, y] = [node(c, x), node(c, y)];
      while (f % 2 === 0 && f !== 0) [f, s] = [f >> 1, s >> 1];
    } else y = node(y, c);
    [f, s] = [f >> 1, s >> 1];
  }
  return s === 0 && x.equals(older.root) && y.equals(newer.root);
}

/** All of a small log; of a large one the indexes near its ends and tile borders, and a sample. */
const sampled = (index, size) => {
  const near = index % 256;
  return size <= 600 || index < 3 || index > size - 4 || (near === 0 && index % 7 === 0) || (near === 255 && index % 11 === 0) || index % 397 === 0;
};

async function check(url, vkey, earlier) {
  const log = openCheckpoint(await get(`${url}/checkpoint`), vkey);
  const leaves = [];
  for (const [n, width] of widths(log.size).entries()) {
    let rest = await get(`${url}/${path("entries", n, width)}`);
    for (let i = 0; i < width; i++) {
      must(rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(), "a bundle is cut short");
      const length = 2 + rest.readUInt16BE();
      leaves.push(sha256(ZERO, rest.subarray(2, length)));
      rest = rest.subarray(length);
    }
    must(rest.length === 0, "a bundle holds more than its entries");
  }
  const nodes = perfect(leaves);
  must(root(nodes, 0, log.size).equals(log.root), "the entries do not have the root of the checkpoint");
  let tiles = 0;
  for (let level = 0, count = log.size; count > 0; level++, count = Math.floor(count / 256)) {
    for (const [n, width] of widths(count).entries()) {
      const tile = await get(`${url}/${path(level, n, width)}`);
      const wanted = Buffer.concat(nodes[8 * level].slice(256 * n, 256 * n + width));
      must(tile.equals(wanted), `${path(level, n, width)} is not what the entries give`);
      tiles++;
    }
  }
  let inclusions = 0;
  for (let index = 0; index < log.size; index++) {
    if (!sampled(index, log.size)) continue;
    must(included(index, log.size, leaves[index], pathTo(nodes, index, 0, log.size), log.root), `no inclusion of ${index}`);
    inclusions++;
  }
  const before = earlier.filter((older) => older.size <= log.size);
  for (const older of before) {
    const proof = older.size === 0 ? [] : subproof(nodes, older.size, 0, log.size, true);
    must(consistent(older, log, proof), `not consistent with size ${older.size}`);
  }
  return { log, line: [log.size, tiles, leaves.length, inclusions, before.length].join(" ") };
}

const [vkey, ...urls] = process.argv.slice(2);
const accepted = [];
for (const url of urls) {
  try {
    const { log, line } = await check(url, vkey, accepted);
    accepted.push(log);
    console.log("ok", line);
  } catch (error) {
    console.log("refused", String(error.message).replaceAll("\n", " "));
  }
}
