// A path in a stack trace is one of the machine it ran on; which file of the repository that is.

export interface FileIndex {
  /** The file that a path of a trace is; undefined where it is none of the repository's, or could be several. */
  fileOf(path: string): string | undefined;
  /** Whether a file of the repository has exactly this path. */
  has(path: string): boolean;
}

/** Where code that is not the service's own lives: only a longer match counts there. */
const foreign = /(?:^|\/)(?:site-packages|dist-packages|node_modules|usr\/lib|usr\/local\/lib|lib\/python[\d.]+)\//;

/**
 * `roots` are folders of the repository that are left out of a path when the code is built or installed: `src`, `python`.
 *
 * A file fits if the whole of its path, with or without a root, is the end of the trace's path; or, where the trace gives a relative path,
 * if that is the end of the file's. Of those that fit the longest, and none if two are as long. Blind to files that are renamed by a build,
 * and to bundled or minified code.
 */
export function indexFiles(files: readonly string[], roots: readonly string[]): FileIndex {
  const byName = new Map<string, string[]>();
  for (const file of files) {
    const name = file.slice(file.lastIndexOf("/") + 1);
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [file]);
    else same.push(file);
  }
  const known = new Set(files);
  return {
    has: (path) => known.has(path),
    fileOf(told) {
      const path = told.replaceAll("\\", "/").replace(/^file:\/\//, "");
      const name = path.slice(path.lastIndexOf("/") + 1);
      const absolute = path.startsWith("/") || /^[A-Za-z]:\//.test(path);
      const isForeign = foreign.test(path);
      let best: string | undefined;
      let length = 0;
      let several = false;
      for (const file of byName.get(name) ?? []) {
        const fit = fitOf(path, file, absolute, roots);
        // `__init__.py` or `main.go` alone says nothing of a library's file.
        if (fit === 0 || (isForeign && fit < 2)) continue;
        if (fit > length) {
          best = file;
          length = fit;
          several = false;
        } else if (fit === length) several = true;
      }
      return several ? undefined : best;
    },
  };
}

/** Parts of the path that fit; 0: it is another file. */
function fitOf(path: string, file: string, absolute: boolean, roots: readonly string[]): number {
  const parts = (text: string): number => text.split("/").length;
  const bare = roots
    .filter((root) => root !== "" && file.startsWith(`${root}/`))
    .map((root) => file.slice(root.length + 1));
  for (const form of [file, ...bare.sort((a, b) => b.length - a.length)])
    if (path === form || path.endsWith(`/${form}`)) return parts(form);
  const relative = path.replace(/^(?:\.{1,2}\/)+/, "");
  return !absolute && (file === relative || file.endsWith(`/${relative}`)) ? parts(relative) : 0;
}
