// The man page, and what it is made from: every command explains itself.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Command } from 'commander';
import { commandsBelow, renderManPage } from '../../scripts/man-page.ts';
import { createWholeProgram } from '../../src/cli/program.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { run } from '../support/programs.ts';

const program = await createWholeProgram();

describe('every command', () => {
  for (const command of commandsBelow(program)) {
    test(`${command.parent?.name()} ${command.name()} has a summary, a description and an example, and fits a terminal`, () => {
      let text = '';
      command.configureOutput({ writeOut: (piece) => void (text += piece), getOutHelpWidth: () => 80 }).outputHelp();
      assert.notEqual(command.summary(), '');
      assert.notEqual(command.description(), '');
      assert.match(text, /^Examples?:\n {2}.*depot /m);
      const [explained = ''] = text.split(/^Examples?:/m);
      for (const line of explained.split('\n')) assert.ok(line.length <= 80, line);
    });
  }
});

test('the help of a role shows defaults, and where there are more settings', () => {
  const server = program.commands.find((command) => command.name() === 'server');
  let text = '';
  server?.configureOutput({ writeOut: (piece) => void (text += piece), getOutHelpWidth: () => 80 }).outputHelp();
  assert.match(text, /--control-port <n> +port for locals \(default: 8964\)\n/);
  assert.match(text, /^There are more settings: depot config show server lists them,$/m);
});

describe('the man page', () => {
  test('has every command, and man has nothing to say against it', async (t) => {
    const page = renderManPage(program, '1.2.3');
    const file = path.join(temporaryDirectory(t), 'depot.1');
    writeFileSync(file, page);
    const { code, stdout, stderr } = await run('man', ['--warnings', '-E', 'UTF-8', '-l', file], {
      env: { MANWIDTH: '200', LC_ALL: 'C.UTF-8' },
    });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    for (const command of commandsBelow(program))
      assert.ok(stdout.includes(program.createHelp().commandUsage(command)));
    assert.match(stdout, /depot user set alice --allow nas\.depot:80,443/);
  });

  test('shows what roff would take for its own as it is', () => {
    const odd = new Command('depot').addCommand(new Command('odd').description(".so /etc/passwd\n'sh\n\\n"));
    const page = renderManPage(odd, '1');
    assert.match(page, /^\\&\.so \/etc\/passwd$/m);
    assert.match(page, /^\\&'sh$/m);
    assert.match(page, /^\\en$/m);
  });
});
