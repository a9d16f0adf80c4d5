// The function that a PAC file defines, run as a browser runs it.

import vm from 'node:vm';

/** What the browser is told for a host, or for a URL where the host alone does not say enough. */
export type FindProxy = (host: string, url?: string) => string;

export const evaluatePac = (text: string): FindProxy => {
  const context = vm.createContext({});
  vm.runInContext(text, context);
  return (host, url = `http://${host}/`) =>
    vm.runInContext(`FindProxyForURL(${JSON.stringify(url)}, ${JSON.stringify(host)})`, context) as string;
};
