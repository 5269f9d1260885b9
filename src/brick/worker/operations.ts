import { AgentError } from '../../lib/errors.ts';
import { BlameReader, freeNamespace } from '../afr-blame.ts';
import { ChangeWatch } from '../change-watch.ts';
import { readCopies, readNamed, readSymlinks } from '../copies.ts';
import { freeSpace, placeOf, readBrickFacts } from '../facts.ts';
import { GfidPaths } from '../gfid-path.ts';
import { DirectoryHandle } from '../handle.ts';
import { findHealObject, readHealPage } from '../heal-entries.ts';
import { HealIndex, isEmptyBrick } from '../heal-index.ts';
import { heldBytes } from '../held-bytes.ts';
import { HealWindow } from '../heal-window.ts';
import { addName, listDirectories, removeName, withoutHandle } from '../pv-directories.ts';
import { PvInventory } from '../pv-inventory.ts';
import { readOrWriteQuotas, readQuotas, writeQuotas } from '../quota-xattrs.ts';
import { SettledAttributes } from '../settled-attributes.ts';
import type { BrickOps, BrickRequest } from './messages.ts';

/** The synchronous work behind each message. Holds caches, never a descriptor: the brick's disk must stay unmountable. */
export class BrickOperations {
  readonly #brickPath: string;
  readonly #healIndex = new HealIndex();
  readonly #healWindow = new HealWindow();
  readonly #settled = new SettledAttributes();
  readonly #inventory = new PvInventory(new ChangeWatch());
  readonly #blames = new BlameReader();

  constructor(brickPath: string) {
    this.#brickPath = brickPath;
  }

  run(request: BrickRequest): BrickOps[BrickRequest['op']]['output'] {
    if (request.op === 'facts') return readBrickFacts(this.#brickPath);
    using root = DirectoryHandle.open(this.#brickPath);
    if (root === undefined) throw new AgentError('BrickIo', `${this.#brickPath}: does not exist`);
    switch (request.op) {
      case 'healIndex':
        return { ...this.#healIndex.count(root, request.input.processKey), isEmptyBrick: isEmptyBrick(root) };
      case 'healPage':
        return readHealPage(root, this.#healWindow, request.input, this.#settled);
      case 'healObject':
        return findHealObject(root, request.input);
      case 'copies':
        return { copies: readCopies(root, request.input.gfids), named: readNamed(root, request.input.names) };
      case 'symlinks':
        return readSymlinks(root, request.input.directories, request.input.limit);
      case 'inventory':
        return this.#inventory.take(root, request.input.readKadalu, request.input.known);
      case 'locate': {
        const paths = new GfidPaths(root);
        return request.input.gfids.map((gfid) => paths.locate(gfid));
      }
      case 'blames':
        return this.#blames.read(root, request.input.paths, this.#inventory.reads?.blames);
      case 'freeNamespace':
        assertPlace(root, request.input.place);
        return freeNamespace(root, request.input.path, request.input.own);
      case 'heldBytes':
        return heldBytes(root);
      case 'pvDirectories':
        assertPlace(root, request.input.place);
        return listDirectories(root, request.input.path);
      case 'secondName': {
        const { place, path, name, add } = request.input;
        assertPlace(root, place);
        if (add) return addName(root, path, name);
        removeName(root, path, name);
        return true;
      }
      case 'withoutHandle':
        return withoutHandle(root, request.input.gfids);
      case 'touched': {
        const reads = this.#inventory.reads?.quotas;
        return request.input.paths.flatMap((path, index) => (reads?.isStill(path) === true ? [] : [index]));
      }
      case 'freeSpace':
        return freeSpace(root);
      case 'readQuotas':
        for (const path of request.input.paths) this.#inventory.reads?.quotas.note(path);
        return readQuotas(root, request.input.paths, request.input.closely);
      case 'readOrWriteQuotas':
        assertPlace(root, request.input.place);
        for (const { path } of request.input.claims) this.#inventory.reads?.quotas.note(path);
        return readOrWriteQuotas(root, request.input.claims, request.input.closely);
      case 'writeQuotas':
        assertPlace(root, request.input.place);
        return writeQuotas(root, request.input.changes, request.input.closely);
    }
  }
}

function assertPlace(root: DirectoryHandle, place: string): void {
  const now = placeOf(root);
  if (now !== place) {
    throw new AgentError(
      'BrickFenced',
      `the brick was proven at ${place} and is now at ${now} (device:inode): not written`,
    );
  }
}
