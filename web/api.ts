// The only thing that speaks to the server: the API, and nothing else.

export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What to do when the server does not know us (any more). */
let onLoggedOut = (): void => undefined;
export const whenLoggedOut = (todo: () => void): void => {
  onLoggedOut = todo;
};

export const call = async <T = void>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> => {
  const response = await fetch(`/api/v1${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  });
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  const { message } = (await response.json().catch(() => ({}))) as { message?: string };
  if (response.status === 401 && path !== '/session') onLoggedOut();
  throw new ApiError(response.status, message ?? `The server answered ${response.status}.`);
};

/** What was typed into a field of the form that is sent. */
export const fieldOf = (event: SubmitEvent, name: string): string => {
  const value = new FormData(event.currentTarget as HTMLFormElement).get(name);
  return typeof value === 'string' ? value : '';
};
