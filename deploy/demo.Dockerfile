# The checkout service of `npm run incidents`, for docker-compose.yml. The build context is the root of the repository.
# No platform is named: the image is built for the machine that runs it, amd64 or arm64.
FROM node:26.10.0-trixie-slim AS build
WORKDIR /demo
COPY package.json package-lock.json ./
# The only install script would download Node.js, which this image already has.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

# Only what connmeter needs in production. The incidents use nothing but connmeter and Node.js.
FROM node:26.10.0-trixie-slim
WORKDIR /demo
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force
COPY --from=build /demo/dist dist
COPY examples/demo/exit-with-parent.ts examples/demo/exit-with-parent.ts
COPY examples/incidents examples/incidents

USER node
EXPOSE 19464
ENTRYPOINT ["node", "examples/incidents/start.ts"]
