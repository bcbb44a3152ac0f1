# The demo of `npm start`, for docker-compose.yml. The build context is the root of the repository.
FROM node:26.10.0-trixie-slim

WORKDIR /demo
COPY package.json package-lock.json ./
# The only install script would download Node.js, which this image already has.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm cache clean --force

COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY examples/demo examples/demo
RUN npm run build

USER node
EXPOSE 9464
CMD ["node", "examples/demo/start.ts"]
