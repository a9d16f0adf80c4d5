// A long list of which only what is in sight is in the page: thousands of rows cost as much as thirty.

import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const OVERSCAN = 8;

interface WindowedProps<T> {
  readonly rows: readonly T[];
  readonly label: string;
  readonly head: ComponentChildren;
  readonly row: (item: T, index: number) => VNode;
}

/** How high a row is, which the style sheet says: two lines on a phone. */
const heightOfRow = (): number => (matchMedia('(max-width: 700px)').matches ? 58 : 34);

export const Windowed = <T,>({ rows, label, head, row }: WindowedProps<T>) => {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600, rowHeight: heightOfRow() });
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = (): void =>
      setView({ top: element.scrollTop, height: element.clientHeight, rowHeight: heightOfRow() });
    look();
    element.addEventListener('scroll', look, { passive: true });
    const resize = new ResizeObserver(look);
    resize.observe(element);
    return () => {
      element.removeEventListener('scroll', look);
      resize.disconnect();
    };
  }, []);
  const { rowHeight } = view;
  const first = Math.max(0, Math.min(rows.length, Math.floor(view.top / rowHeight)) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN);
  return (
    <div class="windowed" ref={box} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={rows.length + 1}>
        <thead>{head}</thead>
        <tbody>
          {first > 0 && <tr class="spacer" aria-hidden="true" style={{ height: `${first * rowHeight}px` }} />}
          {rows.slice(first, last).map((item, index) => row(item, first + index))}
          {last < rows.length && (
            <tr class="spacer" aria-hidden="true" style={{ height: `${(rows.length - last) * rowHeight}px` }} />
          )}
        </tbody>
      </table>
    </div>
  );
};
