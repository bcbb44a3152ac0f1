# The demo of `npm start`, for docker-compose.yml. Built from the repository's root.
FROM node:26.10.0-trixie-slim

WORKDIR /demo
COPY package.json package-lock.json ./
# No install scripts: the only one there is would download the Node that this image is.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm cache clean --force

COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY examples/demo examples/demo
RUN npm run build

USER node
EXPOSE 9464
CMD ["node", "examples/demo/start.ts"]
