// A short table that scrolls sideways by itself where it is wider than the page, by keyboard too.

import type { ComponentChildren } from 'preact';

export interface Column {
  readonly title: string;
  readonly kind?: 'number';
  /** For those who do not see what the cells are for anyway. */
  readonly unseen?: true;
}

interface ScrollTableProps {
  readonly label: string;
  readonly columns: readonly Column[];
  /** Its rows. */
  readonly children: ComponentChildren;
}

export const ScrollTable = ({ label, columns, children }: ScrollTableProps) => (
  <div class="scroll" tabIndex={0} role="region" aria-label={label}>
    <table class="plain">
      <thead>
        <tr>
          {columns.map(({ title, kind, unseen }) => (
            <th key={title} scope="col" class={kind}>
              {unseen ? <span class="hidden">{title}</span> : title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);
