// One request under decoding: the budget it may use up, the times it may carry, the resource and scope in force.
import { appendOwn, type Bytes, createBytes } from "../model/columns/bytes.ts";
import { appendAttributes, endMapRow, findText } from "./attributes.ts";
import { type ItemLimits, limits } from "./limits.ts";
import { unixMs } from "./numbers.ts";
import type { AttributeColumn } from "./privacy/redactor.ts";
import { createSpans, noteSpan, type Spans } from "./spans.ts";
import { createTally, reject, type Tally } from "./tally.ts";
import { appendValue } from "./values.ts";
import { meetAgain, readEnd, readInt32, readTag, skip, tooLarge, type Wire } from "./wire.ts";

export interface Request {
  readonly wire: Wire;
  readonly tally: Tally;
  /** Unix ms; when the request arrived. */
  readonly nowMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Days since 1970 that accepted items fall on. */
  readonly days: Set<number>;
  lastDay: number;
  accepted: number;
  items: number;
  producedBytes: number;
  parts: number;
  /** Other numbers are other attributes of the data point being decoded, over all requests; 0 if nobody compared them. */
  attributesSerial: number;
  readonly origin: Origin;
}

/** A stretch of the body. */
export interface Range {
  start: number;
  end: number;
}

/** Resource and scope of the items being decoded. */
export interface Origin {
  /** Other numbers are other resources or scopes, over all requests. */
  resourceSerial: number;
  scopeSerial: number;
  readonly resource: Spans;
  readonly resourceSchema: Range;
  /** The service name as a row of a String column, and where its text stands in that. */
  readonly service: Bytes;
  readonly serviceText: Range;
  readonly scope: Spans;
  readonly scopeName: Range;
  readonly scopeVersion: Range;
  readonly scopeSchema: Range;
  scopeDropped: number;
  /** Spans, log records or metrics of the scope. */
  readonly items: Spans;
}

/** Where a map column got its last row from the wire, so that the next row of the same resource is one copy. */
export interface Repeat {
  serial: number;
  keysStart: number;
  valuesStart: number;
  keysEnd: number;
  valuesEnd: number;
}

/** The last moment DateTime64(9) and Date both can hold: 2149-06-06. */
const LAST_DAY = 65_535;
const DAY_MS = 86_400_000;
let serials = 0;

export function createRequest(wire: Wire, itemLimits: ItemLimits, nowMs: number): Request {
  const { window } = itemLimits;
  return {
    wire,
    tally: createTally(),
    nowMs,
    fromMs: window === null ? 0 : nowMs - window.pastMs,
    toMs: window === null ? Number.POSITIVE_INFINITY : nowMs + window.futureMs,
    days: new Set(),
    lastDay: -1,
    accepted: 0,
    items: 0,
    producedBytes: 0,
    parts: 0,
    attributesSerial: 0,
    origin: {
      resourceSerial: 0,
      scopeSerial: 0,
      resource: createSpans(),
      resourceSchema: range(),
      service: createBytes(256),
      serviceText: range(),
      scope: createSpans(),
      scopeName: range(),
      scopeVersion: range(),
      scopeSchema: range(),
      scopeDropped: 0,
      items: createSpans(),
    },
  };
}

export function range(): Range {
  return { start: 0, end: 0 };
}

export function createRepeat(): Repeat {
  return { serial: -1, keysStart: 0, valuesStart: 0, keysEnd: 0, valuesEnd: 0 };
}

/**
 * Calls `item` for every span, log record or metric of the request, with resource and scope set. All three requests
 * have the same two outer levels. Fields may come in any order, so items wait until the scope is read.
 */
export function walk(request: Request, item: (start: number, end: number) => void): void {
  const { wire } = request;
  const { items } = request.origin;
  forEachField(wire, 0, wire.data.length, 0x0a, (start, end) => {
    readResource(request, start, end);
    forEachField(wire, start, end, 0x12, (scopeStart, scopeEnd) => {
      readScope(request, scopeStart, scopeEnd);
      for (let i = 0; i < items.count; i++) item(items.at[i * 2]!, items.at[i * 2 + 1]!);
    });
  });
}

/** Calls `visit` for every length-delimited field with this tag between `start` and `end`. */
export function forEachField(
  wire: Wire,
  start: number,
  end: number,
  tag: number,
  visit: (start: number, end: number) => void,
): void {
  let at = start;
  while (at < end) {
    wire.pos = at;
    const found = readTag(wire, end);
    if (found !== tag) {
      skip(wire, found, end);
      at = wire.pos;
      continue;
    }
    const fieldEnd = readEnd(wire, end);
    visit(wire.pos, fieldEnd);
    at = fieldEnd;
  }
}

/** Reads a string or message field into `into` and steps over it. */
export function noteRange(into: Range, wire: Wire, end: number): void {
  into.end = readEnd(wire, end);
  into.start = wire.pos;
  wire.pos = into.end;
}

/** Reads a message field that must come once into `into`, which was reset before, and steps over it. */
export function noteMessage(into: Range, wire: Wire, end: number): void {
  if (into.end !== 0) meetAgain(wire);
  noteRange(into, wire, end);
}

/** Whether an item of this time may be stored; counts the rejection if not. */
export function timeFits(request: Request, low: number, high: number): boolean {
  const ms = unixMs(low, high);
  const day = Math.floor(ms / DAY_MS);
  if (ms < request.fromMs || ms > request.toMs || day > LAST_DAY) {
    reject(request.tally, "time");
    return false;
  }
  if (day === request.lastDay) return true;
  if (!request.days.has(day) && request.days.size >= limits.days) {
    reject(request.tally, "days");
    return false;
  }
  request.days.add(day);
  request.lastDay = day;
  return true;
}

/** Counts items before they are decoded: two bytes on the wire can be one. */
export function spendItems(request: Request, items: number): void {
  request.items += items;
  if (request.items > limits.items) throw tooManyItems();
}

/** Counts parts of items (events, buckets), which cost memory as items do. */
export function spendParts(request: Request, parts: number): void {
  request.parts += parts;
  if (request.parts > limits.parts)
    throw tooLarge(`more than ${limits.parts} events, links, exemplars and buckets; send smaller batches`);
}

/** Ends a map row of the resource's or scope's attributes, which are the same for every item of it. */
export function appendRepeated(
  map: AttributeColumn,
  repeat: Repeat,
  serial: number,
  spans: Spans,
  request: Request,
): void {
  if (repeat.serial === serial) {
    appendOwn(map.keys.index, repeat.keysStart, repeat.keysEnd - repeat.keysStart);
    appendOwn(map.values, repeat.valuesStart, repeat.valuesEnd - repeat.valuesStart);
  } else {
    repeat.serial = serial;
    repeat.keysStart = map.keys.index.length;
    repeat.valuesStart = map.values.length;
    appendAttributes(map, request.wire, spans, request.tally);
    repeat.keysEnd = map.keys.index.length;
    repeat.valuesEnd = map.values.length;
  }
  endMapRow(map);
  request.producedBytes += repeat.valuesEnd - repeat.valuesStart;
  if (request.producedBytes > limits.producedBytes) {
    throw tooLarge(
      `resource and scope attributes would take more than ${limits.producedBytes} bytes; send smaller batches`,
    );
  }
}

function readResource(request: Request, start: number, end: number): void {
  const { wire, origin } = request;
  const resource = range();
  origin.resourceSchema.start = origin.resourceSchema.end = 0;
  wire.pos = start;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x0a) noteMessage(resource, wire, end);
    else if (tag === 0x1a) noteRange(origin.resourceSchema, wire, end);
    else skip(wire, tag, end);
  }
  origin.resourceSerial = ++serials;
  origin.resource.count = 0;
  wire.pos = resource.start;
  while (wire.pos < resource.end) {
    const tag = readTag(wire, resource.end);
    if (tag === 0x0a) noteSpan(origin.resource, wire, resource.end);
    else skip(wire, tag, resource.end);
  }
  readService(request);
}

function readService(request: Request): void {
  const { wire, origin } = request;
  const service = findText(wire, origin.resource, "service.name");
  origin.service.length = 0;
  // A repair of this text is counted where the attribute itself is stored.
  if (service !== undefined)
    appendValue(origin.service, wire, service.start, service.end, limits.nameBytes, createTally());
  const size = origin.service.length;
  origin.serviceText.end = size;
  origin.serviceText.start = size > 0x80 + 1 ? (size > 0x4000 + 2 ? 3 : 2) : Math.min(1, size);
}

function readScope(request: Request, start: number, end: number): void {
  const { wire, origin } = request;
  const { items } = origin;
  const scope = range();
  origin.scopeSchema.start = origin.scopeSchema.end = 0;
  items.count = 0;
  wire.pos = start;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x12) {
      noteSpan(items, wire, end);
      if (items.count > limits.items) throw tooManyItems();
    } else if (tag === 0x0a) noteMessage(scope, wire, end);
    else if (tag === 0x1a) noteRange(origin.scopeSchema, wire, end);
    else skip(wire, tag, end);
  }
  origin.scopeSerial = ++serials;
  origin.scope.count = 0;
  origin.scopeDropped = 0;
  origin.scopeName.start = origin.scopeName.end = origin.scopeVersion.start = origin.scopeVersion.end = 0;
  wire.pos = scope.start;
  while (wire.pos < scope.end) {
    const tag = readTag(wire, scope.end);
    if (tag === 0x0a) noteRange(origin.scopeName, wire, scope.end);
    else if (tag === 0x12) noteRange(origin.scopeVersion, wire, scope.end);
    else if (tag === 0x1a) noteSpan(origin.scope, wire, scope.end);
    else if (tag === 0x20) origin.scopeDropped = readInt32(wire, scope.end) >>> 0;
    else skip(wire, tag, scope.end);
  }
}

function tooManyItems(): Error {
  return tooLarge(`more than ${limits.items} items in one request; send smaller batches`);
}
