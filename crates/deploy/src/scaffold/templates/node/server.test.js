'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { answer } = require('./server.js');

test('it is well', () => assert.deepStrictEqual(answer('/health'), [200, { status: 'ok' }]));
test('nothing is not found', () => assert.strictEqual(answer('/nothing')[0], 404));
