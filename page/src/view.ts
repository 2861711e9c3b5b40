// The view as docs/view.schema.json describes it: instants and lengths are in seconds, and other
// parts are named by their index. Keys without a value are left out.

export type Instant = number;
export type Seconds = number;

export type PackedEvent = [
  name: number,
  start: Instant,
  length: Seconds,
  calendars: number[],
  source: number,
  line: number,
  flags: number,
  field?: string,
];

export interface Calendar {
  name: string;
  capacity?: number;
  policy?: "Reject" | "Report";
  gap?: Seconds;
  free?: string;
}

export interface Day {
  label: string;
  start: Instant;
  end: Instant;
  zone: string;
  events: number;
}

export interface Suggestion {
  event: number;
  slots: [start: Instant, length: Seconds][];
  all?: boolean;
}

export interface Conflict {
  key: string;
  calendar: number;
  members: number[];
  overlaps: [start: Instant, length: Seconds, depth: number, members: number[]][];
  text: string;
  gap?: Seconds;
  repeats?: { text: string; times: number; starts: Instant[]; members: number[][] };
  suggestions?: Suggestion[];
}

export interface View {
  version: 1;
  kind: "check" | "bookings";
  made: Instant;
  offsets: [from: Instant, east: Seconds, zone: string][];
  folder?: string;
  sources: string[];
  live?: { every: Seconds; error?: string };
  summary: string;
  facts: string[];
  notes?: string[];
  zone: string;
  calendars: Calendar[];
  names: string[];
  events: PackedEvent[];
  conflicts: Conflict[];
  days: Day[];
}
