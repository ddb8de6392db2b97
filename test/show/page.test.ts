// The script of the built-in page against the real server, on a document of a few lines.
import { afterEach, expect, test, vi } from "vitest";
import { openWorld, type World } from "./kit.ts";
import { incident, samples } from "./samples.ts";

/** As much of an element as the page uses. */
interface Element {
  textContent: string;
  className: string;
  hidden: boolean;
  value: string;
  children: Element[];
  submit?: (event: { preventDefault(): void }) => void;
  addEventListener(type: "submit", listener: (event: { preventDefault(): void }) => void): void;
  append(...children: Element[]): void;
  replaceChildren(...children: Element[]): void;
}

function element(): Element {
  return {
    textContent: "",
    className: "",
    hidden: true,
    value: "",
    children: [],
    addEventListener(_type, listener) {
      this.submit = listener;
    },
    append(...children) {
      this.children.push(...children);
    },
    replaceChildren(...children) {
      this.children = children;
    },
  };
}

function text(node: Element): string {
  return [node.textContent, ...node.children.map(text)].join("\n");
}

/** Runs page.js as a browser would on the page of this server. */
async function load(world: World): Promise<Record<string, Element>> {
  const ids = ["state", "login", "token", "incidents", "actions", "advice"];
  const page = Object.fromEntries(ids.map((id) => [id, element()]));
  const kept = new Map<string, string>();
  const real = fetch;
  vi.stubGlobal("document", { getElementById: (id: string) => page[id], createElement: element });
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
  });
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => real(world.show.url + path, init));
  vi.stubGlobal("setInterval", () => 0);
  vi.resetModules();
  // @ts-expect-error plain JavaScript for browsers has no types
  await import("../../src/show/page/page.js");
  return page;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test("shows open incidents with their diagnosis and evidence, actions and advice, all as text", async () => {
  const kept = samples();
  kept.incidents = [
    { ...incident, title: "<img src=x onerror=alert(1)>" },
    { ...incident, id: "incident-2", state: "resolved", title: "long over" },
  ];
  const world = await openWorld({ kept });
  try {
    const page = await load(world);
    const incidents = text(page["incidents"]!);
    expect(incidents).toContain("<img src=x onerror=alert(1)>");
    expect(incidents).toContain("KV-cache saturation of replica:vllm-2 since the rollout");
    expect(incidents).toContain("FM-01 KV-cache saturation, 93 %");
    expect(incidents).toContain("KV-cache use is 0.99");
    expect(incidents).not.toContain("long over");
    expect(page["incidents"]!.children[0]!.className).toBe("card critical");
    expect(text(page["actions"]!)).toContain("rollback-config of replica:vllm-2: sent");
    expect(text(page["advice"]!)).toContain("max_num_seqs = 128");
    expect(page["state"]!.textContent).toBe("1 open · version 1.2.3");
    expect(page["login"]!.hidden).toBe(true);
  } finally {
    await world.show[Symbol.asyncDispose]();
  }
});

test("asks for a token where one is needed, and shows all once it is given", async () => {
  const tokens = [{ name: "reader", secret: "secret-of-reader", roles: ["viewer"] as const }];
  const world = await openWorld({ options: { tokens } });
  try {
    const page = await load(world);
    expect(page["login"]!.hidden).toBe(false);
    page["token"]!.value = " secret-of-reader ";
    page["login"]!.submit!({ preventDefault() {} });
    await vi.waitFor(() => expect(page["state"]!.textContent).toBe("Healthy · version 1.2.3"));
    expect(page["login"]!.hidden).toBe(true);
    expect(text(page["incidents"]!)).toContain("None");
  } finally {
    await world.show[Symbol.asyncDispose]();
  }
});

test("says so when Homeostat does not answer", async () => {
  const world = await openWorld();
  await world.show[Symbol.asyncDispose]();
  const page = await load(world);
  expect(page["state"]!.textContent).toBe("Homeostat does not answer.");
});
