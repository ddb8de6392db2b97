// What a change brought into the code that fails, as diagnosis asks for it.
import type { ChangeEvent } from "../change.ts";
import type { Instant } from "../time.ts";

/** One commit between the two versions of a change that touched code in question. */
export interface CodeTouch {
  /** `line`: the line of the frame itself, or one close to it; `file`: elsewhere in its file. */
  readonly what: "line" | "file";
  /** Path in the repository, and the frame's line where it is about a frame. */
  readonly file: string;
  readonly line?: number;
  readonly commit: string;
  /** When the failing was first seen since the change; for a rule's file, when the change was. */
  readonly at: Instant;
  /** `commit 1f2e… "subject" changed scheduler.py:120, the frame at the top of 40 traces since 12:03 UTC`. */
  readonly says: string;
  /** What static analysis says of the file, nearest to the line first, a sentence each. */
  readonly findings: readonly string[];
}

export interface CodeQuestion {
  readonly change: ChangeEvent;
  /** Now, in event time. */
  readonly at: Instant;
  /** Paths that a firing rule says it is about. */
  readonly files: readonly string[];
}

export interface CodeHistory {
  /**
   * What is known by now, strongest first; empty: the code that fails was not touched. Undefined: not known, or not yet.
   * Never waits: what is not known is looked up behind the caller's back and is there at a later step.
   */
  touched(question: CodeQuestion): readonly CodeTouch[] | undefined;
}
