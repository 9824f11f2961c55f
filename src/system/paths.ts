import { lstat, readlink, realpath } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { osError } from '../lib/errors.ts';
import { isMissing } from './files.ts';

/** How many links one path may lead through; the kernel's own limit. */
const MAX_LINKS = 40;

/** What of the node lives in the state folder when the node is a guest on somebody's machine (platform `local`). */
const LOCAL_ROOTS = ['/system', '/var'];

/** Where a node path leads. */
export interface Location {
  /** The node path, the links of the folders above resolved. */
  readonly real: string;
  /** The path to give to the operating system. */
  readonly host: string;
}

/**
 * Where a path of the node lies on the host. In a container and on metal both are the same. A node of platform `local`
 * keeps everything below /system and /var, and the single files registered with `addFile`, in its state folder;
 * all other paths are the host's. Replies always show node paths.
 */
export class NodePaths {
  readonly #stateFolder: string | undefined;
  readonly #roots: readonly string[];
  /** Node path of each registered file. */
  readonly #files = new Set<string>();

  private constructor(stateFolder: string | undefined, roots: readonly string[]) {
    this.#stateFolder = stateFolder;
    this.#roots = roots;
  }

  /** Node paths are host paths: container, metal, clouds. */
  static identity(): NodePaths {
    return new NodePaths(undefined, []);
  }

  /** /system, /var and registered files lie in `stateFolder`, an absolute host path. */
  static local(stateFolder: string): NodePaths {
    return new NodePaths(posix.resolve(stateFolder), LOCAL_ROOTS);
  }

  /** Whether node paths are simply host paths. */
  get isIdentity(): boolean {
    return this.#stateFolder === undefined;
  }

  /** The folder that holds what is the node's own; undefined where that is the whole machine or container. */
  get stateFolder(): string | undefined {
    return this.#stateFolder;
  }

  /** Puts one more file of the node (`machine.files`) into the state folder. */
  addFile(nodePath: string): void {
    const path = posix.resolve('/', nodePath);
    if (!this.isIdentity && !this.#inRoots(path)) this.#files.add(path);
  }

  /** The host path of a node path, which is taken as absolute. Pure: links are not followed. */
  toHost(nodePath: string): string {
    const path = posix.resolve('/', nodePath);
    if (this.#stateFolder === undefined) return path;
    if (this.#inRoots(path)) return join(this.#stateFolder, path);
    if (this.#files.has(path)) return this.#fileStore(path);
    return path;
  }

  /**
   * Names that `nodeFolder` has besides those the host's folder holds (all of them are also found by `locate`): what
   * lies in the state folder although its parent is the host's.
   */
  extraNames(nodeFolder: string): string[] {
    if (this.isIdentity || this.#inRoots(nodeFolder)) return [];
    const prefix = nodeFolder === '/' ? '/' : `${nodeFolder}/`;
    const names = new Set<string>();
    for (const path of [...this.#roots, ...this.#files]) {
      if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split('/', 1)[0]!);
    }
    return [...names];
  }

  /**
   * Where to examine what a node path names: links in the folders above are followed as the node would, a link at the
   * end is not. `real` is the node path without those links. Errors are those of lstat, raw.
   */
  async locate(nodePath: string): Promise<Location> {
    const path = posix.resolve('/', nodePath);
    if (this.isIdentity || path === '/') return { real: path, host: path };
    const real = posix.join(await this.#walkLinks(posix.dirname(path)), posix.basename(path));
    return { real, host: await this.#hostOf(real) };
  }

  /**
   * The node path without any link in it. A link leads to where the node would look, so a link in the state folder to
   * /var/lib stays in the state folder. Errors name the part that is missing: `lstat <path>: no such file or directory`.
   */
  async resolve(nodePath: string): Promise<string> {
    const path = posix.resolve('/', nodePath);
    if (!this.isIdentity) return this.#walkLinks(path);
    try {
      return await realpath(path);
    } catch {
      return this.#walkLinks(path); // fails in the same way, and says where
    }
  }

  /** The host path of a link-free node path; a folder that only registered files need lies beside them. */
  async #hostOf(real: string): Promise<string> {
    const host = this.toHost(real);
    const prefix = `${real}/`;
    if (this.#files.size === 0 || ![...this.#files].some(file => file.startsWith(prefix))) return host;
    try {
      await lstat(host);
      return host;
    } catch (error) {
      if (isMissing(error)) return this.#fileStore(real);
      throw error;
    }
  }

  #inRoots(path: string): boolean {
    return this.#roots.some(root => path === root || path.startsWith(`${root}/`));
  }

  #fileStore(path: string): string {
    return join(this.#stateFolder!, 'files', path);
  }

  async #walkLinks(path: string): Promise<string> {
    let resolved = '/';
    const rest = path.split('/').filter(Boolean);
    for (let links = 0; rest.length > 0; ) {
      const next = posix.join(resolved, rest.shift()!);
      const target = await this.#linkTarget(next);
      if (target === undefined) {
        resolved = next;
        continue;
      }
      if (++links > MAX_LINKS) throw osError('lstat', path, { code: 'ELOOP' });
      // Links of the kernel that lead nowhere in the tree (/proc/<pid>/fd/1 -> pipe:[7]) stay as they are.
      if (next.startsWith('/proc/') && /^[a-z]+:\[/.test(target)) return posix.join(next, ...rest);
      rest.unshift(...target.split('/').filter(Boolean));
      if (target.startsWith('/')) resolved = '/';
    }
    return resolved;
  }

  async #linkTarget(real: string): Promise<string | undefined> {
    try {
      const host = await this.#hostOf(real);
      return (await lstat(host)).isSymbolicLink() ? await readlink(host) : undefined;
    } catch (error) {
      throw osError('lstat', real, error);
    }
  }
}
