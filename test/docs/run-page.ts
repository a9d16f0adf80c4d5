// Runs a page of the documentation word by word: each command on its host, with what it prints beside what the page
// says. Called with PAGE and an empty directory, inside namespaces. Ends with 1, and what went wrong, on standard error.

import { readFileSync } from 'node:fs';
import { messageOf } from '../../src/errors.ts';
import { Program } from '../support/programs.ts';
import { firstMissing, parsePage, type Step } from './page.ts';
import { World } from './world.ts';

const [page = '', directory = ''] = process.argv.slice(2);
const LONGEST_MS = 20_000;
const ROLE = /^(?:npx )?depot (server|local|client)\b/;
const READY = { server: /fingerprint +\S+\n/, local: /connected to/, client: /connected to/ } as const;

/** What was printed once and is asked for later: the last link, the passwords by user, the last token. */
class Memory {
  readonly #passwords = new Map<string, string>();
  #link = '';
  #last = '';

  read(command: string, printed: string): void {
    this.#link = /depot:\/\/[^'\s]+/.exec(printed)?.[0] ?? this.#link;
    const [, user, password] = /user +(\S+)\n +password +(\S+)/.exec(printed) ?? [];
    if (user !== undefined && password !== undefined) this.#remember(user, password);
    const [, name] = /^depot user (?:add|passwd) (\S+)/.exec(command) ?? [];
    if (name !== undefined) this.#remember(name, printed.trim());
    if (command.startsWith('depot web ')) this.#last = printed.trim();
  }

  /** A command as somebody types it who has seen all that. */
  fill(command: string): string {
    return command
      .replaceAll('depot://…', this.#link)
      .replaceAll(/([a-z]+)((?:\+|%2B)[a-z]+)?:PASSWORD/g, (_, user: string, route = '') => {
        return `${user}${route}:${this.#passwords.get(user) ?? 'PASSWORD'}`;
      })
      .replaceAll(/PASSWORD|TOKEN/g, this.#last);
  }

  #remember(user: string, password: string): void {
    this.#passwords.set(user, password);
    this.#last = password;
  }
}

const memory = new Memory();
/** The roles that run, by host and role: another start of the same takes the place of the first. */
const roles = new Map<string, Program>();

const startRole = async (world: World, host: string, text: string, role: keyof typeof READY): Promise<string> => {
  const key = `${host} ${role} ${/--home (\S+)/.exec(text)?.[1]}`;
  await roles.get(key)?.stop('SIGINT');
  const program = world.start(host, 'bash', '-c', `exec ${text}`);
  roles.set(key, program);
  await program.says(READY[role]);
  return program.stdout + program.stderr;
};

const runCommand = async (world: World, { host, text, code }: Step & { kind: 'command' }): Promise<string> => {
  const typed = memory.fill(text);
  const [, role] = ROLE.exec(typed) ?? [];
  if (role !== undefined && code === 0 && !typed.includes('--help'))
    return await startRole(world, host, typed, role as keyof typeof READY);
  if (typed.endsWith(' &')) {
    await world.startListening(host, 'bash', '-c', typed.slice(0, -2));
    return '';
  }
  const [command, ...args] = world.command(host, 'bash', '-c', typed);
  await using program = new Program(command, args, { input: '' });
  const timer = setTimeout(() => void program.stop('SIGKILL'), LONGEST_MS);
  const finished = await program.finished.finally(() => clearTimeout(timer));
  const printed = finished.stdout + finished.stderr;
  if (finished.code !== code) throw new Error(`exit code ${finished.code} where ${code} is expected:\n${printed}`);
  return printed;
};

const { steps, apps } = parsePage(readFileSync(page, 'utf8'));
await using world = await World.create(directory);
for (const app of apps) await world.addApp(app);
for (const step of steps) {
  try {
    if (step.kind === 'file') await world.write(step.host, step.path, memory.fill(step.text));
    else {
      const printed = await runCommand(world, step);
      memory.read(step.text, printed);
      if (process.env['DOCS_SHOW'] !== undefined) console.error(`${step.host}$ ${step.text}\n${printed}`);
      const missing = firstMissing(step.prints, printed);
      if (missing !== undefined) throw new Error(`it does not print\n  ${missing}\nbut\n${printed}`);
    }
  } catch (error) {
    const what = step.kind === 'file' ? step.path : step.text;
    console.error(`${page}:${step.line}: ${step.host}$ ${what}\n${messageOf(error)}`);
    process.exitCode = 1;
    break;
  }
}
