// The app of the transfers, as a process, seen from the test: where it is, and how the transfers ended on its side.

import path from 'node:path';
import { Program } from '../support/programs.ts';
import type { Ending } from './transfer.ts';

export class TransferApp implements AsyncDisposable {
  readonly port: number;
  readonly #program: Program;

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
  }

  /** `through` stands before its command, where it runs somewhere else. */
  static async start(through: readonly string[] = []): Promise<TransferApp> {
    const [command, ...args] = [...through, process.execPath, path.join(import.meta.dirname, 'app.ts')];
    const program = new Program(command, args);
    const [, port] = await program.says(/\{"port":(\d+)\}/);
    return new TransferApp(program, Number(port));
  }

  /** How many transfers ended so on the app's side. */
  count(ending: Ending): number {
    return this.#program.stdout.split(`"ending":"${ending}"`).length - 1;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}
