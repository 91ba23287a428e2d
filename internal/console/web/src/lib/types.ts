// What the API says, as GET /api/openapi.json describes it.

export interface List<T> {
  items: T[];
  next: string;
}

export type Role = 'viewer' | 'operator' | 'admin';
export type State = 'online' | 'offline' | 'disabled';
export type Quality = 'good' | 'bad' | 'stale';
export type Value = boolean | number | string | null;

export interface Session {
  name: string;
  role: Role;
}

export interface Provider {
  name: string;
  title: string;
  type: 'tcp-server' | 'tcp-client';
  local_addr: string;
  conn_identity: 'common' | 'fix-ip';
  preset: string;
  state: string;
  error: string;
  connections: number;
  online: number;
  identifying: number;
  accepted: number;
  refused: number;
  disabled: number;
}

export type Config = Record<string, unknown>;

export interface ProviderDetail extends Provider {
  config: Config;
}

export interface Connection {
  provider: string;
  name: string;
  title: string;
  socket_conn_id: string;
  remote_ip: string;
  state: State;
  flapping: boolean;
  remote_addr: string;
  since: string | null;
  session: number;
  bytes_in: number;
  bytes_out: number;
  reconnects: number;
  last_close_reason: string;
  channel: string;
  driver: string;
}

export interface ConnectionDetail extends Connection {
  config: Config | null;
  has_secret: boolean;
  fleet: string;
}

export interface Fleet {
  provider: string;
  name: string;
  title: string;
  socket_conn_id: string;
  from: number;
  to: number;
}

export interface Life {
  ts: string;
  event: 'online' | 'offline';
  id: string;
  session: number;
  remote_addr: string;
  reason: string;
  duration_ms: number | null;
}

export interface Frame {
  ts: string;
  dir: 'in' | 'out';
  hex: string;
  text: string;
  length?: number; // of the whole frame, where hex is its beginning
  decoded?: string;
  identity?: boolean;
  session: number;
  lost: number;
}

export interface Event {
  time: string;
  kind: string;
  provider: string;
  connection: string;
  id: string;
  session: number;
  remote_addr: string;
  reason: string;
}

export interface Stranger {
  key: string;
  provider: string;
  id: string;
  remote_addr: string;
  first_bytes: string;
  count: number;
  first_seen: string;
  last_seen: string;
  reason: string;
}

export interface StrangerRule {
  key: string;
  action: 'ignore' | 'block';
  provider: string;
  id: string;
  address: string;
  who: string;
  since: string;
  count: number;
  last_seen: string | null;
}

export interface TriedIdentity {
  found: boolean;
  id: string;
  id_hex: string;
  known: boolean;
  connection: string;
  state: State | '';
  secret: boolean;
  reason: string;
  detail: string;
  quiet: boolean;
  taken: number;
  rest_hex: string;
  rest_text: string;
  held_hex: string;
  answer_hex: string;
  answer_text: string;
}

export interface Driver {
  name: string;
  title: string;
  links: string[];
  selectable: boolean;
  reason: string;
  options: Option[];
}

export interface TagValue {
  channel: string;
  device: string;
  tag: string;
  connection: string;
  title: string;
  unit: string;
  address: string;
  type: string;
  writable: boolean;
  value: Value;
  quality: Quality;
  reason: string;
  ts?: string;
  changed?: string;
}

export interface Tag {
  name: string;
  title: string;
  address: string;
  type: string;
  order: string;
  length: number;
  scale: number;
  offset: number;
  clamp: [number, number] | null;
  decimals: number | null;
  unit: string;
  poll: string;
  deadband: number;
  expr: string;
  writable: boolean;
  readback: boolean;
  on_change: boolean;
}

export interface Device {
  name: string;
  title: string;
  unit: number;
  address: string;
  model: string;
  driver: string;
  options: Config;
  poll: string;
  tags: Tag[];
}

export interface Channel {
  name: string;
  title: string;
  connection: string;
  driver: string;
  poll: string;
  devices: Device[];
  options: Config;
}

export interface Model {
  name: string;
  title: string;
  tags: Tag[];
}

export interface WriteAnswer {
  result: 'confirmed' | 'rejected' | 'timeout' | 'offline' | 'queued';
  reason: string;
  readback: unknown;
}

export interface SendAnswer {
  sent: number;
  received_hex: string;
  received_text: string;
}

export interface Bucket {
  ts: string;
  min: number | null;
  max: number | null;
  mean: number | null;
  count: number;
  last: Value;
}

export interface Bus {
  state: 'starting' | 'up' | 'away' | 'full';
  since: string;
  reason: string;
  external: boolean;
  /** Of live reports. */
  format: string;
  listen: string;
  mqtt: string;
  kinds: { kind: 'tags' | 'conn' | 'rx'; sent: number; dropped: number; waiting: number }[];
}

export interface OutputState {
  name: string;
  type: string;
  state: string;
  error: string;
  since: string;
  sent: number;
  dropped: number;
  queued: number;
  queued_bytes: number;
}

export interface OutputDetail {
  name: string;
  title: string;
  type: string;
  format: string;
  options: Config;
}

export interface OutputType {
  type: string;
  title: string;
  formats: { format: string; options: Option[] }[];
}

/** An option of a driver or an output. One that is set and that they do not have is of unknown kind. */
export interface Option {
  key: string;
  kind:
    | ('text' | 'choice' | 'password' | 'secret' | 'bytes' | 'number' | 'flag' | 'duration' | 'size')
    | ('list' | 'texts' | 'mapping' | 'mappings' | 'unknown');
  default: string;
  choices: string[];
  /** What it is for; may be empty. */
  about: string;
}

export interface System {
  version: string;
  revision: string;
  go: string;
  started: string;
  processors: number;
  goroutines: number;
  heap_bytes: number;
  addresses: string[];
  descriptors: number;
  capacity: number;
  sessions: number;
  connections: number;
  fleet: number;
  limits: Limit[];
}

export interface Limit {
  name: string;
  value: string;
  needed: string;
  enough: boolean;
  why: string;
  change: string;
  figures?: Record<string, string>;
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LogRecord {
  number: number;
  time: string;
  level: Level;
  message: string;
  attrs: string;
}

export interface Token {
  id: string;
  name: string;
  role: Role;
  created: string;
  who: string;
}

export interface Plan {
  revision: number;
  changes: string[]; // the first of them
  total: number;
}

/** What an act on many connections does, or would do. */
export interface Act {
  matching: number;
  count: number;
  sample: string[];
  plan: Plan | null;
  undo: number;
}

export interface Series {
  since: string;
  step_s: number;
  times: number[];
  lines: Record<string, (number | null)[]>;
  closes: Record<string, (number | null)[]>;
}

export interface Trouble {
  worst: (Connection & { comes: number; reason: string })[];
  worst_since: string;
  quietest: (Connection & { quiet_s: number })[];
  quietest_at: string;
}

export interface Revision {
  revision: number;
  time: string;
  who: string;
  what: string;
  undoes: number;
  changes: string[];
}
