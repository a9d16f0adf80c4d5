import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestHeaders, responseHeaders } from '../../src/entry/http-headers.ts';
import { parseAbsoluteForm, parseAuthority } from '../../src/entry/http-target.ts';

const head = (method: string, ...rawHeaders: string[]): string[] =>
  requestHeaders({ method, rawHeaders, host: 'nas.depot' });
const ALWAYS = ['Host', 'nas.depot'];
const CLOSE = ['Connection', 'close'];

describe('fields of a request', () => {
  it('go on as they were written, in their order, twice where they came twice', () => {
    const fields = ['X-a', '1', 'x-B', '2', 'X-a', '3'];
    assert.deepEqual(head('GET', ...fields), [...ALWAYS, ...fields, ...CLOSE]);
  });

  it('end here where they are for the proxy, or where Connection names them', () => {
    const fields = [
      'Proxy-Authorization',
      's',
      'Keep-Alive',
      '1',
      'CONNECTION',
      'x-a , Close',
      'X-A',
      '1',
      'TE',
      'gzip',
    ];
    assert.deepEqual(head('GET', ...fields, 'Upgrade', 'h2c', 'Trailer', 'x'), [...ALWAYS, ...CLOSE]);
  });

  it('say one length: no Connection field takes it out, chunked wins, and nothing is 0', () => {
    const named = ['Connection', 'Content-Length, Host', 'Content-Length', '5'];
    assert.deepEqual(head('POST', ...named), [...ALWAYS, 'Content-Length', '5', ...CLOSE]);
    const both = ['Transfer-Encoding', 'chunked', 'Content-Length', '5'];
    assert.deepEqual(head('POST', ...both), [...ALWAYS, 'Transfer-Encoding', 'chunked', ...CLOSE]);
    assert.deepEqual(head('POST'), [...ALWAYS, 'Content-Length', '0', ...CLOSE]);
    assert.deepEqual(head('DELETE'), [...ALWAYS, ...CLOSE]);
  });

  it('ask for another protocol only where that was decided', () => {
    const asked = { method: 'GET', rawHeaders: ['Upgrade', 'websocket', 'Connection', 'Upgrade'], host: 'nas.depot' };
    assert.deepEqual(requestHeaders(asked), [...ALWAYS, ...CLOSE]);
    const upgraded = requestHeaders({ ...asked, upgrade: 'websocket' });
    assert.deepEqual(upgraded, [...ALWAYS, 'Connection', 'Upgrade', 'Upgrade', 'websocket']);
  });
});

describe('fields of an answer', () => {
  it('lose what was for depot, and a length that is not the one of the body', () => {
    const fields = [
      'Transfer-Encoding',
      'chunked',
      'Content-Length',
      '5',
      'Connection',
      'X',
      'X',
      '1',
      'Set-Cookie',
      'a',
    ];
    assert.deepEqual(responseHeaders(fields), ['Set-Cookie', 'a']);
    assert.deepEqual(responseHeaders(['Content-Length', '5']), ['Content-Length', '5']);
  });
});

describe('a target', () => {
  it('has an authority', () => {
    assert.deepEqual(parseAuthority('NAS.depot.:22'), { host: 'nas.depot', port: 22 });
    assert.deepEqual(parseAuthority('[2001:DB8::1]:22'), { host: '2001:db8::1', port: 22 });
    assert.deepEqual(parseAuthority('nas.depot', 80), { host: 'nas.depot', port: 80 });
    const wrong = [
      '',
      ':80',
      'a:',
      'a:0',
      'a:65536',
      'a:x',
      'a b:1',
      'a@b:1',
      '[::1',
      '[1.2.3.4]:1',
      '::1:80',
      'a/b:1',
      '.:1',
    ];
    for (const text of wrong) assert.equal(parseAuthority(text), undefined, text);
    assert.equal(parseAuthority('nas.depot'), undefined);
  });

  it('in absolute-form keeps its path as it is', () => {
    for (const [url, path] of [
      ['http://a', '/'],
      ['http://a?b', '/?b'],
      ['HTTP://A/../%7e/?x=/../', '/../%7e/?x=/../'],
      ['http://a/x#fragment', undefined],
    ] as const)
      assert.equal(parseAbsoluteForm(url)?.path, path, url);
    for (const url of ['/', '*', 'https://a/', 'http:/a', 'http://a@b/', 'http:///x', 'a:80'])
      assert.equal(parseAbsoluteForm(url), undefined, url);
  });
});
