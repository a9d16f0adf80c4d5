// depot top

import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { messageOf } from '../../errors.ts';
import { askRunning } from '../admin-client.ts';
import { paint } from '../output.ts';
import { homeOption } from '../settings.ts';
import { apply, type Board, EMPTY, FIRST_VIEW, type Key, press, render, type View } from './board.ts';
import { Screen } from './screen.ts';

const TRY_AGAIN_MS = 1000;

/** Shows until `q` is pressed. Rejects where nothing runs with this home, or where there is no terminal. */
const top = async (home: string): Promise<void> => {
  await askRunning(home, (client) => client.status());
  const quit = new AbortController();
  let board: Board = EMPTY;
  let view: View = FIRST_VIEW;
  const onKey = (key: Key): void => {
    const { view: next, action } = press(board, view, key);
    view = next;
    if (action === 'quit') quit.abort();
    else if (action !== undefined)
      askRunning(home, (client) => client.kick(String(action.end))).catch((error: unknown) => notice(messageOf(error)));
    draw();
  };
  using screen = new Screen(onKey, () => draw());
  const draw = (): void => screen.show(render(board, view, screen.size, Date.now(), paint));
  const notice = (text: string): void => {
    view = { ...view, notice: text };
    draw();
  };
  while (!quit.signal.aborted) {
    try {
      await askRunning(home, (client) =>
        client.follow(quit.signal, (event, data) => {
          board = apply(board, event, data);
          if (event === 'snapshot') view = { ...view, notice: '' };
          // Not while it is still being told what runs.
          if (event === 'ready' || event === 'change') draw();
        }),
      );
    } catch (error) {
      if (!quit.signal.aborted) notice(messageOf(error));
    }
    if (quit.signal.aborted) break;
    notice('the connection is lost, trying again');
    await sleep(TRY_AGAIN_MS, undefined, { signal: quit.signal }).catch(() => undefined);
  }
};

export const topCommand = (): Command =>
  new Command('top')
    .addHelpText('after', '\nExamples:\n  depot top\n  depot top --home ~/.depot-nas')
    .description(
      'Shows what is connected as it happens, and ends streams, on a server, a local or a client that runs with this home. Fills the terminal until q is pressed.',
    )
    .addOption(homeOption())
    .action(({ home }: { home: string }) => top(home));
