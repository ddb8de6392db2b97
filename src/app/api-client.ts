// A running service's API, as commands ask it.
import { userError } from "./command.ts";
import { secretIn } from "./secret-file.ts";

export interface Api {
  /** What the path answers; undefined where it says that there is no such thing. Throws a user's error otherwise. */
  find(path: string): Promise<unknown>;
  /** The same of a POST without a body. */
  post(path: string): Promise<unknown>;
  /** Records of a list, page by page, newest first; at most `max` of them. */
  list<T>(path: string, max: number): Promise<readonly T[]>;
}

/** Options of every command that asks a service, for `parseArgs`. */
export const apiOptions = {
  url: { type: "string", default: "http://127.0.0.1:7070" },
  token: { type: "string" },
  "token-file": { type: "string" },
} as const;

export const apiHelp = `  --url URL         a running service's API (default http://127.0.0.1:7070)
  --token TOKEN     one of its show.tokens, if it has any
  --token-file FILE file that holds the token, so that it is in no list of processes`;

export interface ApiValues {
  readonly url: string;
  readonly token?: string | undefined;
  readonly "token-file"?: string | undefined;
}

const timeoutMs = 30_000;
const pageMax = 1000;

export function connectApi(values: ApiValues): Api {
  const { url: base } = values;
  const token =
    values.token ?? (values["token-file"] === undefined ? undefined : secretIn("--token-file", values["token-file"]));
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };

  async function ask(path: string, method: "GET" | "POST"): Promise<unknown> {
    if (!URL.canParse(path, base)) throw userError(`${base} is no URL; give one such as http://127.0.0.1:7070`);
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(new URL(path, base), { method, headers, signal }).catch((error: unknown) => {
      throw userError(
        `nothing answers at ${base} (${String(error)}); start homeostat serve, or give its address with --url`,
      );
    });
    if (answer.status === 401 || answer.status === 403)
      throw userError(`${base} refuses (${answer.status}); give one of its show.tokens with --token`);
    if (answer.status === 404) return undefined;
    if ([400, 409, 503].includes(answer.status)) {
      const problem = (await answer.json().catch(() => undefined)) as { readonly detail?: string } | undefined;
      if (typeof problem?.detail === "string") throw userError(`${base} answers ${answer.status}: ${problem.detail}`);
    }
    if (!answer.ok) throw userError(`${base}${path} answers ${answer.status}; is it a Homeostat of this version?`);
    return await answer.json().catch(() => {
      throw userError(`${base}${path} does not answer in JSON; is it a Homeostat of this version?`);
    });
  }

  const find = (path: string): Promise<unknown> => ask(path, "GET");
  return {
    find,
    post: (path) => ask(path, "POST"),
    async list<T>(path: string, max: number) {
      const found: T[] = [];
      const mark = path.includes("?") ? "&" : "?";
      let next: string | undefined = `${path}${mark}limit=${Math.min(max, pageMax)}`;
      while (next !== undefined && found.length < max) {
        const page = (await find(next)) as { readonly data?: readonly T[]; readonly next?: string } | undefined;
        if (!Array.isArray(page?.data))
          throw userError(`${base}${path} gives no list; is it a Homeostat of this version?`);
        found.push(...page.data);
        next = page.next;
      }
      return found.slice(0, max);
    },
  };
}
